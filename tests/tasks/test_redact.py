"""Runs in MLflow lose what is erased, and keep the rest."""

import json

import pytest

from tasks import redact, registry
from tasks.requests.needles import Needle, Needles
from tasks.requests.redaction import held, redacted
from tasks.track import tracking

REQUEST = "r-0123456789ab"
NEEDLES = Needles([Needle("id", "paper-0001")])


@pytest.fixture
def run(a_version, tmp_path):
    """A run whose files hold two requests and two documents."""
    name = a_version(requests=(), request="a digest")
    page = tmp_path / "report.html"
    page.write_text("about paper-0001")
    with tracking() as client:
        run = registry.find(client, name).run_id
        client.set_tag(run, "lethe.requests", REQUEST)
        portions = [
            {"id": REQUEST, "matched": ["paper-0001"], "added": []},
            {"id": "r-other", "matched": ["paper-0002"], "added": []},
        ]
        client.log_dict(run, {"requests": portions}, "requests.json")
        client.log_artifact(run, str(page), "pages")
    return run


def without(name, content):
    return redacted(name, content, NEEDLES) if held(name, content, NEEDLES) else content


def test_the_documents_of_a_request_are_told_by_its_events(run):
    assert redact.forgotten(["lethe-tiny"], REQUEST) == {"paper-0001"}
    assert redact.forgotten(["lethe-tiny"], "r-0123456789aa") == set()


def test_files_that_hold_it_are_written_anew_or_go_and_the_others_stay(run):
    before = {place: content for place, content in redact.files()}
    assert redact.redact(REQUEST, without) == 2
    after = {place: content for place, content in redact.files()}
    assert before.keys() - after.keys() == {f"{run}/pages/report.html"}
    portions = json.loads(after[f"{run}/requests.json"])["requests"]
    assert [one["matched"] for one in portions] == [[], ["paper-0002"]]
    assert after[f"{run}/verdict.json"] == before[f"{run}/verdict.json"]
    assert redact.redact(REQUEST, without) == 0


def test_the_digest_of_what_was_selected_goes_too(run):
    redact.redact(REQUEST, without)
    assert registry.tags("lethe-tiny/1")["lethe.request"] == "erased"
