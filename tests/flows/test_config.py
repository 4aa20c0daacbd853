"""Describing a run: params.yaml, changes to it, and what is said of mistakes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.config import RunConfig, checked_in, configured, overlay
from tasks.core.errors import ConfigError
from tasks.training.method import PRESETS


def run(*assignments):
    return configured(RunConfig, overlay(checked_in(), assignments))


def test_the_checked_in_run_is_valid_and_says_every_value():
    assert run().model_dump(mode="json") == checked_in()


def test_a_knob_is_changed_alone():
    assert run("unlearn.steps=7").unlearn == run().unlearn.model_copy(update={"steps": 7})


def test_another_source_drops_the_old_knobs():
    assert overlay(
        {"source": {"name": "toy", "seed": 1}}, ["source.name=jsonl", "source.path=x"]
    ) == {"source": {"name": "jsonl", "path": "x"}}


def test_a_request_is_named_whole():
    before = {"request": {"authors": ["someone"]}}
    after = overlay(before, ["request.groups=[book:pg1342]", "request.dated_from=2001-01-31"])
    assert after["request"] == {"groups": ["book:pg1342"], "dated_from": "2001-01-31"}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_method(name):
    assert run(f"preset={name}").unlearn.method == PRESETS[name]


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("preset=ascent_decent", ["preset=ascent_decent", "'ascent_descent'"]),
        ("source.name=jsnl", ["source.name=jsnl", "'jsonl'"]),
        ("unlearn.stepz=3", ["unlearn.stepz=3", "no such key", "'steps'"]),
        ("unlearn.steps=0", ["unlearn.steps=0", "greater than or equal to 1"]),
        ("unlearn.steps=many", ["unlearn.steps=many", "valid integer"]),
        ("nmae=x", ["nmae=x", "no such key", "'name'"]),
        ("unlearn.steps", ["dotted.key=value"]),
        ("request.authors=[a", ["request.authors=[a", "not YAML"]),
        ("name.first=x", ["name is a value"]),
        ("name=../x", ["name=../x", "match pattern"]),
    ],
)
def test_a_mistake_gets_one_line_with_key_value_and_way_out(assignment, words):
    with pytest.raises(ConfigError) as raised:
        run(assignment)
    line = str(raised.value)
    assert "\n" not in line
    assert all(word in line for word in words), line


@given(st.text(max_size=40))
def test_whatever_is_typed_is_a_run_or_a_clear_refusal(text):
    try:
        assert isinstance(run(text), RunConfig)
    except ConfigError as error:
        assert str(error)


def test_the_input_is_left_alone():
    params = {"request": {"authors": ["someone"]}, "unlearn": {"steps": 3}}
    overlay(params, ["request.owners=[x]", "unlearn.steps=4"])
    assert params == {"request": {"authors": ["someone"]}, "unlearn": {"steps": 3}}
