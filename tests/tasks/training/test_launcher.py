import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from tasks.core.errors import DivergedError, ModelError, ProcessError
from tasks.core.record import sha256
from tasks.training.job import LOG, PROGRESS
from tasks.training.launcher import launch
from tasks.training.loop import OptimiserConfig

STEPS = 60


def weights(job):
    return sha256(job.out / "model.safetensors")


def lines(job):
    path = job.folder / PROGRESS
    return path.read_text().count("\n") if path.exists() else 0


def kill_worker(parent, job, after):
    """kill -9 the process that computes, once that many lines are in the progress file."""
    while True:
        workers = [
            child
            for child in psutil.Process(parent).children(recursive=True)
            if "tasks.training.worker" in child.cmdline()[2:4]
        ]
        if workers and lines(job) >= after:
            workers[0].send_signal(signal.SIGKILL)
            return workers[0].pid
        time.sleep(0.005)


@pytest.fixture(scope="module")
def uninterrupted():
    """Filled by the first test that needs it."""
    return {}


@pytest.fixture
def whole(uninterrupted, a_job):
    """The digest of the weights that nobody interrupted."""
    if not uninterrupted:
        job = a_job("whole", steps=STEPS)
        uninterrupted["reports"] = list(launch(job))
        uninterrupted["weights"] = weights(job)
    return uninterrupted["weights"]


def test_a_job_reports_every_step_and_leaves_a_model_folder(a_job):
    job = a_job(steps=4)
    reports = list(launch(job))
    assert [report.step for report in reports] == [1, 2, 3, 4]
    assert all(report.tokens == 2 * 96 for report in reports)
    assert all(
        math.isclose(report.loss, report.forget_loss + 2.0 * report.keep_loss, rel_tol=1e-5)
        for report in reports
    )

    told = [json.loads(line) for line in (job.out / PROGRESS).read_text().splitlines()]
    assert [line["step"] for line in told] == [0, 1, 2, 3, 4]
    assert [line["step"] for line in told if "forget_nll" in line] == [0, 2, 4]
    assert told[0]["loss"] is None

    spent = json.loads((job.out / "training.json").read_text())
    assert spent["tokens"] == 4 * 2 * 96
    assert spent["flops"] == 6 * spent["parameters"] * spent["tokens"]
    assert spent["steps"] == 4


@pytest.mark.parametrize("after", [0, STEPS // 2], ids=["at once", "midway"])
def test_killed_and_started_again_it_reaches_the_same_weights(a_job, whole, after):
    job = a_job("killed", steps=STEPS)
    killer = threading.Thread(target=kill_worker, args=(os.getpid(), job, after), daemon=True)
    killer.start()
    with pytest.raises(ProcessError, match="lower"):
        list(launch(job))
    assert lines(job) < STEPS

    steps = [report.step for report in launch(job)]
    assert steps == list(range(1, STEPS + 1))
    assert weights(job) == whole


def test_killed_between_writing_a_checkpoint_and_renaming_it(a_job, whole):
    job = a_job("renaming", steps=STEPS)
    for report in launch(job):
        if report.step >= 5:
            break
    state, previous = job.folder / "state", job.folder / "state.previous"
    if state.exists():  # it may have been ended at this very point
        shutil.rmtree(previous, ignore_errors=True)
        state.rename(previous)
    (job.folder / "state.scratch").mkdir(exist_ok=True)
    (job.folder / "state.scratch" / "model.safetensors").write_bytes(b"half")

    list(launch(job))
    assert weights(job) == whole


def test_when_the_launcher_is_killed_the_workers_die_and_the_next_run_goes_on(a_job, whole):
    job = a_job("launcher", steps=STEPS)
    path = job.folder.with_suffix(".json")
    path.write_text(job.model_dump_json())
    program = (
        "import sys; from pathlib import Path; from tasks.training.job import Job;"
        "from tasks.training.launcher import launch;"
        "list(launch(Job.model_validate_json(Path(sys.argv[1]).read_text())))"
    )
    launcher = subprocess.Popen([sys.executable, "-c", program, str(path)])
    while lines(job) < 5:
        time.sleep(0.005)
        assert launcher.poll() is None
    below = psutil.Process(launcher.pid).children(recursive=True)
    launcher.send_signal(signal.SIGKILL)
    launcher.wait()
    _, alive = psutil.wait_procs(below, timeout=5)
    assert below
    assert not alive

    list(launch(job))
    assert weights(job) == whole


def test_two_processes_reach_the_weights_of_one(a_job, whole, monkeypatch):
    from safetensors.torch import load_file

    one, two = a_job("one", steps=5), a_job("two", steps=5)
    list(launch(one))
    monkeypatch.setenv("LETHE_PROCESSES", "2")
    list(launch(two))
    alone, shared = (load_file(job.out / "model.safetensors") for job in (one, two))
    furthest = max(float((alone[name] - shared[name]).abs().max()) for name in alone)
    assert furthest < 1e-5


def test_a_loss_that_is_not_finite_ends_it_with_the_error_and_leaves_nothing(a_job):
    job = a_job(
        "diverged",
        steps=300,
        optimiser=OptimiserConfig(
            learning_rate=1.0, max_grad_norm=1e30, tokens_per_step=96, precision="float32"
        ),
        parts=(a_job().parts[0].model_copy(update={"weight": 1e38}),),
    )
    with pytest.raises(DivergedError, match="lower learning_rate"):
        list(launch(job))
    assert not job.folder.exists()
    assert not list(job.out.iterdir())


def test_what_the_worker_foresaw_arrives_as_it_was_raised(a_job, tmp_path):
    with pytest.raises(ModelError, match=r"no config\.json"):
        list(launch(a_job("none", start=tmp_path)))


def test_another_failure_names_the_file_that_says_more_and_no_text(a_job, tmp_path):
    job = a_job("broken", data=tmp_path)
    with pytest.raises(ProcessError) as caught:
        list(launch(job))
    assert str(job.folder / LOG) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (job.folder / LOG).read_text()
