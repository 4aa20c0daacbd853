"""A small corpus divided: what is shared, what is not, and what cannot be."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.core.errors import ConfigError
from tasks.core.event import SPLITS
from tasks.core.record import Record
from tasks.divide import DIVIDED, Division, divide


@pytest.fixture
def splits(tmp_path):
    """Makes splits of twelve documents each, two to a cluster."""

    def make(clusters=6):
        folder = tmp_path / "splits"
        folder.mkdir()
        rows = [
            {"doc_id": f"{split}:{at}", "cluster": f"{split}-{at % clusters}", "tokens": 100 + at,
             "split": split, "reason": "", "domain": "books"}
            for split in SPLITS for at in range(12)
        ]  # fmt: skip
        for split in SPLITS:
            ours = [{"doc_id": r["doc_id"], "text": "..."} for r in rows if r["split"] == split]
            pq.write_table(pa.Table.from_pylist(ours), folder / f"{split}.parquet")
        pd.DataFrame(rows).to_parquet(folder / "assignment.parquet", index=False)
        for name in ("plan.json", "revision.json"):
            (folder / name).write_text("{}")
        return Record(kind="splits", fingerprint="d0", path=folder)

    return make


def documents(record, split):
    return set(pq.read_table(record.path / f"{split}.parquet")["doc_id"].to_pylist())


def test_the_halves_share_no_cluster_of_what_no_model_saw_and_all_of_the_rest(splits):
    data = splits()
    halves = [divide.fn(data, Division(half=half)) for half in ("tuning", "judgement")]
    for split in SPLITS:
        one, other = (documents(half, split) for half in halves)
        if split in DIVIDED:
            assert one | other == documents(data, split)
            assert not {int(d.split(":")[1]) % 6 for d in one} & {
                int(d.split(":")[1]) % 6 for d in other
            }
            assert len(one) == len(other) == 6  # three clusters of two a side
        else:
            assert one == other == documents(data, split)


def test_each_half_says_where_every_document_is(splits):
    half = divide.fn(splits(), Division(half="tuning"))
    assignment = pd.read_parquet(half.path / "assignment.parquet")
    assert len(assignment) == 60
    for split in SPLITS:
        assert set(assignment["doc_id"][assignment["split"] == split]) == documents(half, split)
    out = assignment[assignment["split"] == "left out"]
    assert len(out) == 12
    assert set(out["reason"]) == {"not in the tuning half"}


def test_another_seed_divides_otherwise(splits):
    data = splits()
    drawn = {
        frozenset(documents(divide.fn(data, Division(half="tuning", seed=seed)), "test"))
        for seed in range(12)
    }
    assert len(drawn) > 1


def test_one_cluster_cannot_be_divided(splits):
    with pytest.raises(ConfigError, match=r"splits\.approximate_tokens: one cluster"):
        divide.fn(splits(clusters=1), Division(half="tuning"))
