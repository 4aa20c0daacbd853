"""From the documents of a domain to its tables: cleaned, duplicates found, counted."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from tasks.core.errors import DataError
from tasks.core.variants import Section
from tasks.data.clean import clean
from tasks.data.near_duplicates import Pairs, clusters, near_duplicates, shingles
from tasks.data.source import Document

BYTES_PER_TOKEN = 4
"""About, for English under a byte-level BPE vocabulary; a measure of length, not a tokenisation."""

DOCUMENTS = pa.schema(
    [
        *((name, pa.string()) for name in ("doc_id", "domain", "kind", "title")),
        ("author", pa.list_(pa.string())),
        *((name, pa.string()) for name in ("license", "date", "source", "group", "text")),
        ("tokens", pa.int64()),
        ("duplicate_of", pa.string()),
        ("cluster", pa.string()),
    ]
)
PAIRS = pa.schema([("doc_id_a", pa.string()), ("doc_id_b", pa.string()), ("jaccard", pa.float64())])


class CurationConfig(Section):
    """What counts as a document and as a near-duplicate."""

    min_characters: int = Field(default=1, ge=1, description="shorter texts are dropped")
    jaccard: float = Field(
        default=0.5, ge=0.3, le=1, description="of word 5-grams; from here on near-duplicates"
    )
    nearby: float = Field(
        default=0.25, ge=0.05, le=1, description="Jaccard of pairs looked at, noted and left"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.nearby > self.jaccard:
            raise ValueError(f"nearby={self.nearby} is above jaccard={self.jaccard}; lower it")
        return self


class Curated(NamedTuple):
    """The tables of one domain."""

    documents: pa.Table
    """Every document, exact duplicates too, sorted by id."""
    duplicates: pa.Table
    """Pairs of distinct texts from ``jaccard`` on; ``doc_id_a < doc_id_b``, sorted."""
    nearby: pa.Table
    """Pairs between ``nearby`` and ``jaccard`` that the search happened to propose."""
    statistics: dict[str, Any]
    lengths: pa.Table
    """How many documents have how many tokens, in bins that double."""


class Cleaned(NamedTuple):
    """The documents that are kept, by id, and how many are not."""

    kept: list[Document]
    dropped: Counter[str]
    refused: int
    """Erased before."""


def curate(
    documents: Iterable[Document],
    config: CurationConfig,
    erased: Callable[[str, str], bool] = lambda _doc_id, _text: False,
) -> Curated:
    """The tables of the documents of one domain; a function of their set, not of their order.

    Args:
        documents: Each id once.
        config: What counts as a document and as a near-duplicate.
        erased: Whether a document, by id and cleaned text, must not come back; it is counted as
            refused and named nowhere.

    Raises:
        DataError: an id occurs twice, or nothing is left.
    """
    kept, dropped, refused = _cleaned(documents, config, erased)
    ids = [document.doc_id for document in kept]
    firsts, first_of = _distinct([document.text for document in kept])
    pairs = near_duplicates(
        [shingles(kept[at].text) for at in firsts], config.jaccard, config.nearby
    )
    pairs = Pairs(firsts[pairs.first], firsts[pairs.second], pairs.jaccard)
    duplicates = pairs.between(config.jaccard, np.inf)
    everybody = np.arange(len(kept))
    cluster = clusters(
        len(kept),
        np.concatenate([first_of, duplicates.first]),
        np.concatenate([everybody, duplicates.second]),
    )
    tokens = np.array([_tokens(document.text) for document in kept])
    return Curated(
        documents=_documents(kept, tokens, first_of, cluster),
        duplicates=_pairs(ids, duplicates),
        nearby=_pairs(ids, pairs.between(config.nearby, config.jaccard)),
        statistics={
            "documents": len(kept),
            "exact_duplicates": len(kept) - len(firsts),
            "near_duplicate_pairs": len(duplicates.first),
            "clusters": len(np.unique(cluster)),
            "tokens": int(tokens.sum()),
            "dropped": dict(sorted(dropped.items())),
            "refused": refused,
        },
        lengths=_lengths(tokens),
    )


def _cleaned(
    documents: Iterable[Document], config: CurationConfig, erased: Callable[[str, str], bool]
) -> Cleaned:
    kept: dict[str, Document] = {}
    dropped: Counter[str] = Counter()
    refused = 0
    for document in documents:
        text = clean(document.text)
        if document.doc_id in kept:
            raise DataError(f"doc_id {document.doc_id!r} occurs twice: ids are unique in a domain")
        if len(text) < config.min_characters:
            dropped[f"shorter than {config.min_characters} characters"] += 1
        elif erased(document.doc_id, text):
            refused += 1
        else:
            kept[document.doc_id] = document.model_copy(update={"text": text})
    if not kept:
        raise DataError(
            f"no document of {dropped.total() + refused} is left, {refused} of them erased: lower "
            "curation.min_characters, or name another source"
        )
    return Cleaned([kept[doc_id] for doc_id in sorted(kept)], dropped, refused)


def _distinct(texts: list[str]) -> tuple[Any, Any]:
    """Positions where a text occurs for the first time; and for each position, that position."""
    first: dict[str, int] = {}
    first_of = np.array([first.setdefault(text, at) for at, text in enumerate(texts)])
    return np.array(list(first.values())), first_of


def _tokens(text: str) -> int:
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def _documents(kept: list[Document], tokens: Any, first_of: Any, cluster: Any) -> pa.Table:
    columns: dict[str, Any] = {
        name: [getattr(document, name) for document in kept] for name in Document.model_fields
    }
    ids = columns["doc_id"]
    columns |= {
        "tokens": tokens,
        "duplicate_of": [ids[at] if at != here else None for here, at in enumerate(first_of)],
        "cluster": [ids[at] for at in cluster],
    }
    return pa.table(columns, schema=DOCUMENTS)


def _pairs(ids: list[str], pairs: Pairs) -> pa.Table:
    return pa.table(
        {
            "doc_id_a": [ids[at] for at in pairs.first],
            "doc_id_b": [ids[at] for at in pairs.second],
            "jaccard": pairs.jaccard,
        },
        schema=PAIRS,
    )


def _lengths(tokens: Any) -> pa.Table:
    """A row per doubling: "below 64" counts documents of 32 to 63 tokens."""
    doublings = Counter(int(count).bit_length() for count in tokens)
    return pa.table(
        {
            "below_tokens": [2**doubling for doubling in sorted(doublings)],
            "documents": [doublings[doubling] for doubling in sorted(doublings)],
        }
    )
