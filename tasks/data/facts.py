"""What can be said of the splits without their text: a row of facts a document, and a few sums.

Everything that judges the splits judges these tables, so no text can reach what it writes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.core.event import SPLITS, Split
from tasks.data.overlap import grams, occurring

ABSENT = "absent"
COLUMNS = {
    **dict.fromkeys(("doc_id", "domain", "kind", "title", "source", "group", "text"), "string"),
    **dict.fromkeys(("license", "date", "duplicate_of"), "string or null"),
    "author": "list of string",
    "tokens": "integer",
    "cluster": "string",
}
"""The columns of a split and the kind of their values."""

OTHERS: dict[Split, tuple[Split, ...]] = {
    "forget": ("retain", "general", "approximate", "test"),
    "approximate": ("retain", "general", "test"),
    "test": ("retain", "general"),
}
"""What each split must have nothing in common with."""


class Part(NamedTuple):
    """A split: what is known of each document, and the texts as bytes, in the same order."""

    facts: pd.DataFrame
    texts: list[bytes]


def schema(folder: Path) -> pd.DataFrame:
    """A row per split and column: the kind of its values, and the kind that is expected."""
    rows = [
        {"doc_id": f"{split}.{column}", "type": _fitting(kinds, column), "expected": expected}
        for split in SPLITS
        for kinds in [_kinds(folder / f"{split}.parquet")]
        for column, expected in COLUMNS.items()
    ]
    return pd.DataFrame(rows)


def read(path: Path, assigned: Mapping[str, str]) -> Part:
    """A split, with the split that ``assigned`` names for each of its documents."""
    table = pq.read_table(path, columns=["doc_id", "domain", "cluster", "date", "tokens", "text"])
    texts = [text or b"" for text in table["text"].cast(pa.large_binary()).to_pylist()]
    strings = ("doc_id", "domain", "cluster", "date")
    facts = pd.DataFrame({name: _strings(table[name]) for name in strings}, dtype=object)
    facts["tokens"] = table["tokens"].to_pandas().astype("Float64").astype("float64")
    facts["year"] = pd.to_numeric(facts["date"].astype("string").str[:4], errors="coerce")
    facts["year"] = facts["year"].astype("Float64").astype("float64")
    facts["text_is_empty"] = [not text.strip() for text in texts]
    facts["text_is_valid"] = [_valid(text) for text in texts]
    facts["assigned_to"] = facts["doc_id"].map(assigned).astype(object)
    return Part(facts.drop(columns="date"), texts)


def across(parts: Mapping[Split, Part]) -> pd.DataFrame:
    """A row per document that must be nowhere else; null where a column is not about its split."""
    return pd.concat(
        [_apart(split, parts, others) for split, others in OTHERS.items()], ignore_index=True
    )


def shared(parts: Mapping[Split, Part]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How much of forget stands word for word in the others, as shares of its 13-grams.

    One table by document (NaN with fewer than 13 words), one row for all of forget.
    """
    known = [grams(_decoded(text)) for text in parts["forget"].texts]
    sizes = np.array([len(one) for one in known])
    by_document = pd.DataFrame({"doc_id": parts["forget"].facts["doc_id"]})
    for split in OTHERS["forget"]:
        found = occurring(known, (grams(_decoded(text)) for text in parts[split].texts))
        by_document[f"share_in_{split}"] = np.divide(
            found, sizes, out=np.full(len(sizes), np.nan), where=sizes > 0
        )
    columns = by_document.drop(columns="doc_id")
    overall = columns.mul(sizes, axis=0).sum() / (sizes.sum() or np.nan)
    return by_document, overall.to_frame().T


def matching(parts: Mapping[Split, Part]) -> pd.DataFrame:
    """One row: how far approximate is from forget in length (a ratio, at least 1) and in years."""
    forget, approximate = parts["forget"].facts, parts["approximate"].facts
    lengths = sorted([forget["tokens"].median(), approximate["tokens"].median()])
    return pd.DataFrame(
        {
            "length_ratio": [lengths[1] / (lengths[0] or np.nan)],
            "years_apart": [abs(forget["year"].median() - approximate["year"].median())],
        }
    )


def accounted(forget: Part, assigned: Mapping[str, str], planned: set[str]) -> pd.DataFrame:
    """Every document that the plan, the assignment or the split calls forgotten: who says so."""
    marked = {doc_id for doc_id, split in assigned.items() if split == "forget"}
    present = set(forget.facts["doc_id"].dropna())
    doc_ids = pd.Series(sorted(planned | marked | present), dtype=object)
    sides = {"planned": planned, "assigned": marked, "present": present}
    said = {name: doc_ids.isin(ids) for name, ids in sides.items()}
    return pd.DataFrame({"doc_id": doc_ids, **said})


def _apart(split: Split, parts: Mapping[Split, Part], others: tuple[Split, ...]) -> pd.DataFrame:
    facts, texts = parts[split]
    columns: dict[str, list[bool] | pd.Series] = {"doc_id": facts["doc_id"]}
    for other in others:
        there = parts[other]
        same = set(there.texts)
        columns[f"{split}_id_in_{other}"] = facts["doc_id"].isin(there.facts["doc_id"].dropna())
        columns[f"{split}_cluster_in_{other}"] = facts["cluster"].isin(
            there.facts["cluster"].dropna()
        )
        columns[f"{split}_text_in_{other}"] = [bool(text) and text in same for text in texts]
    return pd.DataFrame(columns).astype(object)


def _kinds(path: Path) -> dict[str, str]:
    return {field.name: _kind(field.type) for field in pq.read_schema(path)}


def _kind(type_: pa.DataType) -> str:
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return f"list of {_kind(type_.value_type)}"
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return "string"
    return "integer" if pa.types.is_integer(type_) else str(type_)


def _fitting(kinds: Mapping[str, str], column: str) -> str:
    """The kind of ``column``, said as it is expected where it may also be null or empty."""
    kind, expected = kinds.get(column, ABSENT), COLUMNS[column]
    may_be = {"string or null": ("string", "null"), "list of string": ("list of null", "null")}
    return expected if kind in may_be.get(expected, ()) else kind


def _strings(column: pa.ChunkedArray) -> list[str | None]:
    """Values that may not be UTF-8, as something that can be printed."""
    values = column.cast(pa.large_binary()).to_pylist()
    return [None if value is None else value.decode(errors="backslashreplace") for value in values]


def _valid(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in text


def _decoded(text: bytes) -> str:
    return text.decode(errors="replace")
