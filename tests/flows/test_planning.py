from datetime import UTC, datetime

import pytest

from flows.config import RunConfig
from flows.planning import planned
from tasks import ledger
from tasks.core.errors import ConfigError
from tasks.data.toy import Toy
from tasks.requests.deletion import Draft
from tasks.requests.request import Request

CONFIG = RunConfig(source=Toy(domains=("books",), sections=4, books=12))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Artifacts that the tests of this file share: every run of DVC takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        path = tmp_path_factory.mktemp("artifacts")
        patch.setenv("LETHE_ARTIFACTS", str(path))
        yield path


@pytest.fixture(autouse=True)
def artifacts(home):
    """In place of a folder for each test."""
    return home


def added(**selects):
    draft = Draft(
        asked_by="subject-0042", ground="objection",
        received=datetime.now(UTC), request=Request(**selects),
    )  # fmt: skip
    return ledger.add(draft).id


def test_a_received_request_is_planned_and_what_it_takes_is_counted_in_the_log():
    id = added(authors=("Marta Quill",))
    plan = planned(id, CONFIG)
    assert plan.documents == len(plan.matched) + len(plan.added) > 0
    assert ledger.find(id).status == "planned"
    told = ledger.entries()[-1]
    assert (told.kind, told.subject) == ("request.resolved", id)
    assert told.details == {
        "matched": len(plan.matched), "added": len(plan.added), "left": len(plan.left),
        "tokens": plan.tokens,
    }  # fmt: skip
    planned(id, CONFIG)
    assert len(ledger.find(id).moves) == 2


def test_a_request_that_matches_nothing_stays_received_and_is_not_quoted():
    id = added(authors=("Martha Quill",))
    with pytest.raises(ConfigError, match=f"{id}: request.authors: .not shown. matches no") as e:
        planned(id, CONFIG)
    assert "Quill" not in str(e.value)
    assert e.value.__cause__ is None
    assert ledger.find(id).status == "received"


def test_a_run_of_another_model_plans_nothing():
    id = added(authors=("Marta Quill",))
    with pytest.raises(ConfigError, match="does not concern lethe-other"):
        planned(id, CONFIG.model_copy(update={"name": "other"}))


def test_a_request_that_was_forgotten_has_no_plan():
    id = added(owners=("marta",))
    ledger.move(id, "rejected", "officer-7")
    ledger.forget(id, "officer-7")
    with pytest.raises(ConfigError, match="is rejected: what it selected is forgotten"):
        planned(id, CONFIG)
