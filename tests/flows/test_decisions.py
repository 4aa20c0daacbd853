"""What a person may answer; the question itself is asked in ``tests/stack``."""

import pytest
from prefect._internal.pydantic.v2_schema import create_v2_schema
from pydantic import ValidationError

from flows.decisions import Decision, decided
from tasks.core.errors import ConfigError

ANSWER = {"decision": "approve", "by": "officer-7", "why": "as agreed"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"decision": "perhaps"}, "'approve' or 'reject'"),
        ({"by": "Jane Doe"}, "must be a reference with a number"),
        ({"by": "jane7@example.org"}, "no e-mail address"),
        ({"by": "officer-7\n"}, "must be a reference with a number"),
        ({"by": "lethe"}, "must be the reference of a person"),
        ({"why": " \n"}, "at least 1 character"),
        ({"why": "x" * 501}, "at most 500 characters"),
        ({"whom": "officer-8"}, "whom"),
    ],
)
def test_an_answer_that_is_none_is_refused(changed, said):
    with pytest.raises(ValidationError, match=said):
        Decision(**ANSWER | changed)


def test_the_page_asks_for_what_the_flow_asks_for():
    asked = Decision.with_initial_data(description="may it?")
    form = create_v2_schema("Decision", model_base=asked)
    assert form["required"] == ["decision", "by", "why"]
    assert form["properties"]["decision"]["enum"] == ["approve", "reject"]
    assert "[0-9]" in form["properties"]["by"]["pattern"]
    assert form["properties"]["why"]["minLength"] == 1


def test_a_run_that_nobody_can_see_asks_nobody():
    with pytest.raises(ConfigError, match="only a deployed run can wait for a person"):
        decided("may it?", 1, "promotion")
