"""The tables of a curated corpus, as far as a request needs them: text only when asked for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tasks.core.errors import DataError
from tasks.requests.closure import Link
from tasks.requests.select import Known

BATCH_ROWS = 512
"""Documents whose text is held at a time; a section has about 15,000 characters."""


def known(corpus: Path) -> list[Known]:
    """Every document but its text, in the order of their ids.

    Raises:
        DataError: the folder holds no curated documents.
    """
    rows = (row for file in _files(corpus) for row in _rows(file, *Known._fields))
    documents = [Known(**row | {"author": tuple(row["author"])}) for row in rows]
    return sorted(documents, key=lambda document: document.doc_id)


def texts(corpus: Path) -> Iterator[tuple[str, str]]:
    """The id and text of every document, a few hundred in memory at a time."""
    for file in _files(corpus):
        yield from ((row["doc_id"], row["text"]) for row in _rows(file, "doc_id", "text"))


def links(folder: Path) -> Iterator[Link]:
    """The pairs in the tables of a folder."""
    for file in sorted(folder.glob("*.parquet")):
        for row in _rows(file, "doc_id_a", "doc_id_b", "jaccard"):
            yield Link(row["doc_id_a"], row["doc_id_b"], row["jaccard"])


def copies(documents: list[Known]) -> Iterator[Link]:
    """Each exact duplicate, tied to the document it duplicates."""
    for document in documents:
        if document.duplicate_of:
            yield Link(document.duplicate_of, document.doc_id, jaccard=1.0, exact=True)


def _files(corpus: Path) -> list[Path]:
    if files := sorted((corpus / "documents").glob("*.parquet")):
        return files
    raise DataError(f"{corpus}: no curated documents in it; run lethe curate first")


def _rows(file: Path, *columns: str) -> Iterator[dict[str, Any]]:
    with pq.ParquetFile(file) as parquet:
        for batch in parquet.iter_batches(BATCH_ROWS, columns=list(columns)):
            yield from batch.to_pylist()
