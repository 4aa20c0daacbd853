"""Memorisation beside forgetting, on figures worked by hand."""

import json

import pandas as pd
import pytest

from tasks.core.record import Record
from tasks.data.planting import folds
from tasks.memorise import Memory, memorise

IDS = [
    f"{kind}:{times}:{at}" for kind in ("natural", "canary") for times in (1, 16) for at in range(4)
]


@pytest.fixture
def memory(tmp_path):
    """A document read 16 times is 2 nats likelier to models that read it, others half a nat."""

    def said(name, losses):
        path = tmp_path / name
        path.mkdir()
        rows = [{"doc_id": doc_id, "loss": loss} for doc_id, loss in losses.items()]
        (path / "losses.json").write_text(json.dumps(rows))
        return Record(kind="losses", fingerprint=name, path=path)

    gains = {doc_id: 2.0 if ":16:" in doc_id else 0.5 for doc_id in IDS}
    hard = {doc_id: 4 + at / 10 for at, doc_id in enumerate(IDS)}
    fold = dict(zip(IDS, folds(IDS, 2), strict=True))
    (tmp_path / "planted").mkdir()
    pd.DataFrame(
        [
            {"doc_id": doc_id, "kind": doc_id.split(":")[0], "times": int(doc_id.split(":")[1]),
             "cluster": doc_id}
            for doc_id in IDS
        ]
    ).to_parquet(tmp_path / "planted" / "forget.parquet")  # fmt: skip
    return Memory(
        planted=Record(kind="planted", fingerprint="planted", path=tmp_path / "planted"),
        target=said("target", {one: hard[one] - gains[one] for one in IDS}),
        retrained=said("retrained", hard),
        without=tuple(
            said(f"without{left}", {
                one: hard[one] - (0 if fold[one] == left else gains[one]) for one in IDS
            })
            for left in (0, 1)
        ),
        unlearned=tuple(
            said(kind, {one: hard[one] for one in IDS if one.startswith(kind)})
            for kind in ("natural", "canary")
        ),
    )  # fmt: skip


def test_each_document_has_its_memorisation_difficulty_and_forgetting(memory):
    record = memorise.fn([memory])
    rows = {row["doc_id"]: row for row in json.loads((record.path / "documents.json").read_text())}
    assert set(rows) == set(IDS)
    for at, doc_id in enumerate(IDS):
        gain = 2.0 if ":16:" in doc_id else 0.5
        assert rows[doc_id]["memorisation"] == pytest.approx(gain)
        assert rows[doc_id]["difficulty"] == pytest.approx(4 + at / 10)
        assert rows[doc_id]["forgetting"] == pytest.approx(gain)


def test_groups_are_summed_up_with_the_correlation_over_their_documents(memory):
    record = memorise.fn([memory])
    groups = {
        (one["kind"], one["times"]): one
        for one in json.loads((record.path / "groups.json").read_text())
    }
    assert set(groups) == {
        (kind, times) for kind in ("natural", "canary") for times in (1, 16, "all")
    }
    assert groups["canary", 16]["memorisation"] == pytest.approx([2.0, 2.0, 2.0])
    assert groups["natural", "all"]["memorisation"][0] == pytest.approx(1.25)
    assert groups["natural", "all"]["with_memorisation"][0] == pytest.approx(1.0)
    assert (record.path / "memorisation.png").stat().st_size > 10_000
    assert "| canary | 16 | 4 | 2 (2 to 2) |" in (record.path / "memorisation.md").read_text()
