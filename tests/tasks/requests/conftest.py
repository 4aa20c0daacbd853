from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.requests.closure import Link
from tasks.requests.select import Known

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("doc_id", "domain", "kind", "title")),
        ("author", pa.list_(pa.string())),
        *((name, pa.string()) for name in ("license", "date", "group", "text")),
        ("tokens", pa.int64()),
        *((name, pa.string()) for name in ("duplicate_of", "cluster")),
    ]
)
PAIRS = pa.schema([("doc_id_a", pa.string()), ("doc_id_b", pa.string()), ("jaccard", pa.float64())])


@pytest.fixture(scope="session")
def document():
    return _document


@pytest.fixture(scope="session")
def known():
    return _known


def _document(doc_id: str, **known) -> dict:
    """A book's section of ten tokens, unless said otherwise."""
    group = known.pop("group", f"book:{doc_id}")
    return {
        "doc_id": doc_id, "domain": "books", "kind": "section", "title": f"Title of {group}",
        "author": ["Jane Austen"], "license": "public-domain", "date": "1998-06", "group": group,
        "text": f"Text of {doc_id}.", "tokens": 10, "duplicate_of": None, "cluster": doc_id,
    } | known  # fmt: skip


def _known(doc_id: str, **about) -> Known:
    row = _document(doc_id, **about)
    return Known(**{name: row[name] for name in Known._fields} | {"author": tuple(row["author"])})


@pytest.fixture
def write(tmp_path) -> Callable[..., Path]:
    """Writes a curated corpus of one domain a call and gives its folder."""

    def corpus(
        documents: Iterable[dict], duplicates: Iterable[Link] = (), nearby: Iterable[Link] = ()
    ) -> Path:
        rows = list(documents)
        domain = rows[0]["domain"]
        for folder, table in {
            "documents": pa.Table.from_pylist(rows, SCHEMA),
            "duplicates": _pairs(duplicates),
            "nearby": _pairs(nearby),
        }.items():
            (tmp_path / folder).mkdir(exist_ok=True)
            pq.write_table(table, tmp_path / folder / f"{domain}.parquet")
        return tmp_path

    return corpus


def _pairs(links: Iterable[Link]) -> pa.Table:
    rows = [dict(zip(PAIRS.names, link, strict=False)) for link in links]
    return pa.Table.from_pylist(rows, PAIRS)
