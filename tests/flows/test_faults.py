"""A mistake is told with the key as it was typed, why it is one, and what to write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows import deletion
from flows.__main__ import _varied
from flows.benchmark import BenchmarkConfig
from flows.config import RunConfig, configured
from flows.downstream import DownstreamRun
from flows.stressing import StressConfig
from flows.terminal import run_config
from flows.tuning import TuneConfig
from tasks.core.errors import ConfigError

AROUND = {
    "tune": TuneConfig, "bench": BenchmarkConfig, "stress": StressConfig,
    "downstream": DownstreamRun,
}  # fmt: skip


def said(command, *assignments):
    with pytest.raises(ConfigError) as caught:
        if command == "run":
            run_config(list(assignments))
        elif command == "delete":
            deletion.described(assignments)
        else:
            _varied(AROUND[command], command, list(assignments), {})
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    ("command", "assignment", "line"),
    [
        ("tune", "tune.trials=x", "tune.trials=x: Input should be a valid integer"),
        ("tune", "unlearn.steps=0", "unlearn.steps=0: Input should be greater"),
        ("tune", "trials=3", "trials=3: there is no such key; did you mean 'tune.trials'?"),
        ("tune", "tune.trial=3", "tune.trial=3: there is no such key; did you mean 'trials'?"),
        ("tune", "tune.run.name=x", "tune.run.name: write name=... without tune. before it"),
        ("tune", "tune.preset=wga", "tune.preset: write preset=... without tune. before it"),
        ("tune", "tune.trials=[", "tune.trials=[: the value is not YAML"),
        ("bench", "bench.methods=[npo_kll]", "bench.methods.0=npo_kll: no such choice; did you"),
        ("bench", "bench.methods=npo_kl", "bench.methods=npo_kl: not a list; write bench.methods="),
        ("bench", "bench.requests={a: {authrs: [x]}}", "bench.requests.a.authrs=['x']: there is"),
        ("stress", "stress.trials=[{}]", "stress.trials.0: its name is missing"),
        ("delete", "delete.wait_hours=0", "delete.wait_hours=0: Input should be greater than 0"),
        ("delete", "delete.wait_hour=9", "delete.wait_hour=9: there is no such key; did you mean"),
        ("downstream", "tasks=[mmlu]", "tasks=['mmlu']: there is no such key"),
        ("run", "unlearn.method=wgaa", "unlearn.method=wgaa: no such method; did you mean 'wga'?"),
        ("run", "unlearn.method.forgt=x", "unlearn.method.forgt=x: there is no such key; did you"),
        ("run", "request.dated_from=2020", "request.dated_from=2020: not text; write request.dat"),
        ("run", "source.name=jsonl", "source.path: is not said, and has no default"),
        ("run", "splits=3", "splits: not a section; set its keys"),
        ("run", ".=3", "'.' is not of the form dotted.key=value"),
    ],
)
def test_it_is_told_as_it_was_typed(command, assignment, line):
    assert said(command, assignment).startswith(line)


def test_a_rule_between_two_sections_is_told_without_either():
    line = said("run", "attack.attacks=[grad_norm]", "evaluate.gradients=0")
    assert line.startswith("attack.attacks has grad_norm, and evaluate.gradients is 0")


def test_a_method_that_cannot_stop_by_the_runs_rule_is_refused_before_anything_is_trained():
    line = said("bench", "bench.methods=[wga, task_vector]", "unlearn.stop.name=alike")
    assert "task_vector" in line


@pytest.mark.parametrize("heads", [3, 128])  # no multiple; a head of one number has no pair
def test_heads_that_do_not_divide_the_width_are_refused_before_anything_is_read(heads):
    line = said("run", "model.scratch.hidden=128", f"model.scratch.heads={heads}")
    assert (
        line == f"model.scratch: hidden=128 must be an even multiple of heads={heads}: change one"
    )


def test_one_way_out_is_enough():
    assert said("run", "attack.attacks=[los]").endswith("did you mean 'loss'?")


def test_in_a_file_or_a_form_keys_are_those_of_the_configuration():
    with pytest.raises(ConfigError, match=r"^run\.unlearn\.steps=0: "):
        configured(TuneConfig, {"run": {"unlearn": {"steps": 0}}})


@pytest.mark.parametrize("command", ["run", *AROUND])
@pytest.mark.parametrize(
    "assignment",
    [
        "request.passages=SECRET", "request.passages=[SECRET, 3]", "request.passages=[SECRET",
        "request.passages.x=SECRET", "request=[SECRET]", "request={passages: [SECRET], dated_from: 3}",
        "request={passages: [SECRET], dated_from: '2020', dated_to: '2019'}",
    ],
)  # fmt: skip
def test_no_passage_is_ever_shown(command, assignment):
    assert "SECRET" not in said(command, assignment)


def test_no_passage_of_several_requests_is_ever_shown():
    for wrong in ("{passages: SECRET}", "{passages: [SECRET], x: 1}", "[{passages: [SECRET]}]"):
        assert "SECRET" not in said("bench", f"bench.requests={{a: {wrong}}}")


@given(
    st.dictionaries(st.text(max_size=8), st.recursive(st.none() | st.text(max_size=5), st.lists))
)
def test_whatever_is_given_is_a_run_or_one_line(params):
    try:
        assert isinstance(configured(RunConfig, params), RunConfig)
    except ConfigError as error:
        assert str(error)
