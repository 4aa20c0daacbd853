"""The command line as a stranger meets it: answers on standard output, the rest elsewhere."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from flows.__main__ import main

PROJECT = Path(__file__).parents[2]
SMALL = yaml.safe_load((PROJECT / "tests/stack/small-run.yaml").read_text())


class Done(NamedTuple):
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


def process(*arguments):
    """A command as a stranger types it."""
    done = subprocess.run(
        [sys.executable, "-m", "flows", *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def lethe(monkeypatch, capfd, tmp_path, prefect_server):
    """The same in this process: a process for each takes 15 s to import and to start a server."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["lethe", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return Done(ended.value.code or 0, *capfd.readouterr())

    return run


def assignments(tree, *path):
    """``tree`` as dotted.key=value arguments, names of variants first."""
    for key, value in sorted(tree.items(), key=lambda item: item[0] != "name"):
        if isinstance(value, dict):
            yield from assignments(value, *path, key)
        else:
            yield f"{'.'.join([*path, key])}={json.dumps(value)}"


RUN = tuple(assignments(SMALL))


def only_object(output):
    assert output.count("\n") == 1
    return json.loads(output)


def test_help_imports_nothing_heavy():
    probe = "import sys, flows.__main__; print([m for m in ('torch', 'prefect', 'mlflow') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", probe], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_plan_prints_one_object_and_trains_nothing(lethe, artifacts):
    done = lethe("plan", "--json", *RUN)
    plan = only_object(done.stdout)
    assert {"matched", "added", "left", "suggestions", "tokens"} <= plan.keys()
    assert len(plan["matched"]) == len(plan["added"]) == 8  # eight sections, in two editions
    assert not (artifacts / "model").exists()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["run", "preset=ascent_decent"], "ascent_descent"),
        (["run", "source.name=jsonl", "source.path=/nowhere"], "/nowhere"),
        (["run", "model.path=/nowhere"], "/nowhere"),
        (["plan", "params=params/pythia-160m.yaml", "model.revision=main"], "pin the commit"),
        (["bench", "study=cost", "params=/nowhere.yaml"], "params=/nowhere.yaml: cannot be read"),
        (["show", "lethe-demo@candidate"], "lethe-demo"),
        (["stress", "model.path=/nowhere"], "retrained counterpart"),
        (["stress", "stress.trials=[{name: quantize}]"], "did you mean 'quantise'"),
        (["stress", "stress.trials=[{name: relearn}, {name: relearn}]"], "one name"),
        (
            ["plan", *RUN, "request.groups=[book:toy0001]", "splits.max_forget_share=0.001"],
            "max_forget_share",
        ),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(lethe, arguments, word, artifacts):
    refused(lethe(*arguments), word)
    assert not list(artifacts.glob("model/*/"))


def test_bad_input_that_a_flow_meets_is_told_to_a_stranger_alike(artifacts):
    refused(process("run", *RUN, "request.authors=[Nobody At All]"), "Nobody At All")
    assert not list(artifacts.glob("model/*/"))


def refused(done, word):
    assert done.returncode == 2, done.stderr[-2000:]
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("lethe: ")]
    assert word in line
    assert done.stdout == ""


def test_a_folder_that_may_not_be_written_is_named(lethe, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LETHE_ARTIFACTS", str(tmp_path / "file" / "artifacts"))
    done = lethe("run")
    assert done.returncode == 2
    assert "LETHE_ARTIFACTS" in done.stderr


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Outputs that the tests of whole runs share, so that models are trained once."""
    return tmp_path_factory.mktemp("runs")


def test_a_run_answers_with_one_object_a_report_and_a_version_that_can_be_audited(
    lethe, place, monkeypatch
):
    monkeypatch.setenv("LETHE_ARTIFACTS", str(place))
    done = process("run", "--json", *RUN)
    assert done.returncode == 0, done.stderr[-4000:]
    result = only_object(done.stdout)
    assert {
        "verdict",
        "scores",
        "attacks",
        "exposure",
        "plan",
        "cost",
        "model_version",
        "fingerprint",
        "report",
        "lineage",
    } <= result.keys()
    assert result["verdict"]["pass"]
    assert result["model_version"] == "lethe-small/1"
    assert (
        result["scores"].keys() == result["attacks"].keys() == {"target", "unlearned", "retrained"}
    )
    assert set(result["scores"]["target"]) == {"forget", "retain", "general", "approximate", "test"}
    assert {"tokens", "flops", "seconds", "retrain_flops", "ratio"} <= result["cost"].keys()
    assert Path(result["report"]).is_file()

    started = time.time()
    again = only_object(lethe("run", "--json", *RUN).stdout)
    assert again == result  # nothing was trained, evaluated or registered a second time
    assert not [
        path for path in place.glob("model/*/record.json") if path.stat().st_mtime > started
    ]

    shown = only_object(lethe("show", "--json", "lethe-small@candidate").stdout)
    assert result["fingerprint"] in json.dumps(shown)
    audited = only_object(lethe("audit", "--json", "lethe-small/1").stdout)
    assert audited["scores"] == result["scores"]["unlearned"]


def test_a_stress_test_tries_the_models_of_a_run_and_trains_none_again(lethe, place, monkeypatch):
    monkeypatch.setenv("LETHE_ARTIFACTS", str(place))
    assert lethe("run", *RUN).returncode == 0  # made before, or now
    models = {path.parent.name for path in place.glob("model/*/record.json")}
    asked = ("stress.trials=[{name: quantise, weights: int8}]", "stress.prompt.samples=2")
    done = lethe("stress", "--json", *RUN, *asked)
    assert done.returncode == 0, done.stderr[-4000:]
    result = only_object(done.stdout)
    trials = {cell["trial"] for cell in result["cells"]}
    assert {"untouched", "int8", "titled", "best of 2 samples"} <= trials
    assert len(result["found"]) == len(trials)
    assert Path(result["table"]).is_file()
    assert Path(result["plot"]).is_file()
    after = {path.parent.name for path in place.glob("model/*/record.json")}
    assert len(after - models) == 2  # the unlearned and the retrained model in fewer bits


def test_a_gate_that_fails_is_exit_code_three_and_registers_nothing(lethe, place, monkeypatch):
    monkeypatch.setenv("LETHE_ARTIFACTS", str(place))
    done = lethe("run", "--json", *RUN, "gate.forgotten_share=1", "gate.forget_factor=1.01")
    assert done.returncode == 3, done.stderr[-4000:]
    result = only_object(done.stdout)
    assert not result["verdict"]["pass"]
    assert result["model_version"] == ""
