"""Start the process that computes weights, several of them through torchrun, and listen.

An out-of-memory kill ends the step with a clear error and never the flow; the process dies with the
step, and several GPUs change a number, not the code.
"""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tasks.core import errors
from tasks.core.errors import LetheError, ProcessError
from tasks.core.settings import PROJECT, SPIN, Settings
from tasks.training.job import ERROR, LOG, PROGRESS, Job
from tasks.training.lifeline import LAUNCHER, die_with_parent
from tasks.training.loop import StepReport

WORKER = "tasks.training.worker"
POLL_SECONDS = 0.2
GRACE_SECONDS = 5.0
KILLED = ("SIGKILL", "Signal 9", "out of memory", "not enough memory", "can't allocate memory")
"""What torchrun or torch print, in one spelling or another, where memory ran out."""


def launch(job: Job) -> Generator[StepReport]:
    """Run ``job`` to its end, yielding the report of every step, those of an earlier try first.

    Raises:
        LetheError: what the process foresaw, as it raised it; it would happen again, so the
            checkpoints go.
        ProcessError: the process was killed or failed otherwise; the next try goes on from there.
    """
    job.folder.mkdir(parents=True, exist_ok=True)
    (job.folder / ERROR).unlink(missing_ok=True)
    path = job.folder / "job.json"
    path.write_text(job.model_dump_json(indent=1))
    last = 0
    with _process(path, job.folder / LOG) as process:
        running = True
        while running:
            running = process.poll() is None
            for report in _reports(job.folder / PROGRESS, after=last):
                last = report.step
                yield report
            if running:
                time.sleep(POLL_SECONDS)
    if process.returncode:
        raise _error(job, process.returncode)


@contextmanager
def _process(job: Path, output: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, *_several(Settings().processes), "-m", WORKER, str(job)]
    environment = {
        "GOMP_SPINCOUNT": SPIN,
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")])),
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        "PYTHONUNBUFFERED": "1",
        LAUNCHER: str(os.getpid()),
    }
    with output.open("wb") as log:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509  # one system call, nothing is allocated
        )
    try:
        yield process
    finally:
        _end(process)


def _several(processes: int) -> list[str]:
    """What comes before the worker where there are several: torchrun, which takes a second."""
    if processes == 1:
        return []
    return ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
    with suppress(ProcessLookupError):  # every process of the group has already gone
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _reports(progress: Path, after: int) -> Iterator[StepReport]:
    if not progress.exists():
        return
    for line in progress.read_text().splitlines(keepends=True)[after:]:
        if line.endswith("\n"):
            told: dict[str, Any] = {
                name: math.nan if value is None else value
                for name, value in json.loads(line).items()
            }
            if told["step"] > after:
                yield StepReport(**{name: told[name] for name in StepReport._fields})


def _error(job: Job, code: int) -> LetheError:
    told = job.folder / ERROR
    if told.exists():
        answer = json.loads(told.read_text())
        kind: type[LetheError] = getattr(errors, answer["error"])
        shutil.rmtree(job.folder)
        return kind(answer["message"])
    printed = job.folder / LOG
    text = printed.read_text(errors="replace").lower()
    if code == -signal.SIGKILL or any(sign.lower() in text for sign in KILLED):
        return ProcessError(
            "the training process was killed, most likely for memory: lower "
            f"optimiser.max_batch_tokens or the model; what it printed is in {printed}"
        )
    return ProcessError(
        f"the training process ended with code {code}: what it printed is in {printed}; "
        "run again to go on from its last checkpoint"
    )
