"""Working copies that hold what is erased go, with all that was made from them."""

import pytest

from tasks.core.errors import DataError
from tasks.core.record import Identity, keep
from tasks.core.variants import Section
from tasks.purge import working_copies
from tasks.requests.needles import Needle, Needles
from tasks.requests.redaction import held
from tasks.scan import files, found, prove

NEEDLES = Needles([Needle("id", "paper-0001")])


class Made(Section):
    name: str
    version: str = ""


def holds(name, content):
    return held(name, content, NEEDLES)


def everything():
    return files(lambda place: True)


def kept(kind, name, text, *inputs, version=""):
    identity = Identity(
        kind=kind, config=Made(name=name, version=version), inputs=inputs, rooms=("purge",)
    )
    return keep(identity, lambda scratch: (scratch / "a.txt").write_text(text) and None)


@pytest.fixture
def copies(artifacts):
    splits = kept("splits", "a", "holds paper-0001")
    model = kept("model", "a", "numbers", splits)
    return {
        "splits": splits,
        "model": model,
        "evidence": kept("evidence", "a", "more numbers", model),
        "other": kept("splits", "b", "holds paper-00012"),
        "certificate": kept("certificate", "a", "digests", splits),
        "fetched": kept("fetched-model", "a", "numbers", version="lethe-tiny/1"),
    }


def test_what_holds_it_goes_with_all_that_was_made_from_it(copies, artifacts):
    (artifacts / "reports").mkdir()
    (artifacts / "reports/page.html").write_text("about paper-0001")
    (artifacts / "checkpoints/killed").mkdir(parents=True)
    strict = Needles([Needle("id", "paper-0001", whole=True)])
    # Three records, the version that was fetched, and the page.
    assert working_copies(lambda name, content: held(name, content, strict), ["lethe-tiny/1"]) == 5
    assert {name for name, one in copies.items() if one.path.exists()} == {"other", "certificate"}
    assert not (artifacts / "reports/page.html").exists()
    assert not (artifacts / "checkpoints").exists()


@pytest.mark.parametrize(
    "place", ["stack/postgres/base/1", "stack/store/dvc/files/a", "mlflow.db", "prefect/prefect.db"]
)
def test_a_file_of_a_server_is_never_removed_under_it(artifacts, place):
    file = artifacts / place
    file.parent.mkdir(parents=True)
    file.write_text("holds paper-0001")
    assert working_copies(holds, []) == 0
    assert file.exists()


def test_a_place_that_still_holds_it_is_named_and_what_it_holds_is_not(copies):
    with pytest.raises(DataError, match=r"not erased yet: splits/.*a.txt") as caught:
        prove([everything], NEEDLES)
    assert "paper-0001" not in str(caught.value)


def test_a_place_whose_name_holds_it_is_not_named(artifacts):
    artifacts.mkdir()
    (artifacts / "paper-0001.txt").write_text("nothing")
    assert found([everything], NEEDLES) == ["(a name)"]


def test_a_source_is_any_function_that_gives_places_and_bytes():
    assert found([lambda: [("bucket/key", b"paper-0001"), ("bucket/other", b"x")]], NEEDLES) == [
        "bucket/key"
    ]
