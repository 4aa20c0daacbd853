"""Step: hold the splits, and later the target, to what a run needs, with Great Expectations.

Where an expectation fails the run stops, and its Data Docs stay in ``<kind>-failed``.
"""

import shutil
from pathlib import Path

from prefect import task
from pydantic import Field

from tasks.core.errors import DataError
from tasks.core.record import Identity, Record, keep
from tasks.core.settings import Settings
from tasks.core.variants import Section


class ExpectationsConfig(Section):
    """What must hold before anything is trained, and before anything is unlearned."""

    min_document_tokens: int = Field(default=1, ge=1, description="of every document")
    max_document_tokens: int = Field(default=1_000_000, ge=1, description="of every document")
    min_forget_documents: int = Field(
        default=2, ge=1, description="below two there is no interval over documents"
    )
    min_documents: int = Field(
        default=10,
        ge=1,
        description="of every other split. With n members and n non-members an AUC is known to "
        "about 0.4 / sqrt(n); TPR at 1 % FPR needs 100 in approximate, and is not given with fewer",
    )
    min_tokens: int = Field(default=200, ge=1, description="of every split together")
    max_shared: float = Field(
        default=0.2, ge=0, le=1, description="share of forget's word 13-grams found in a split"
    )
    max_document_shared: float = Field(
        default=0.8, ge=0, le=1, description="the same for each forget document alone"
    )
    max_length_ratio: float = Field(
        default=2, ge=1, description="between the median tokens of approximate and of forget"
    )
    max_years_apart: float = Field(
        default=15, ge=0, description="between the median years of approximate and of forget"
    )
    min_known_auc: float = Field(
        default=0.6,
        ge=0.5,
        le=1,
        description="of the target's loss, forget against approximate; lower: it is not known",
    )


@task
def validate(data: Record, config: ExpectationsConfig) -> Record:
    """Data Docs and results of the splits ``data``.

    Raises:
        DataError: an expectation fails; the message has the rule, the count and three ids.
    """
    rooms = ("validate", "expectations", "data/facts", "data/overlap")
    identity = Identity(kind="validation", config=config, inputs=(data,), rooms=rooms)

    def make(scratch: Path) -> None:
        from tasks import expectations

        complaint = expectations.judge(expectations.checks(data.path, config), scratch)
        _settle(complaint, scratch, identity)

    return keep(identity, make)


@task
def knows(told: Record, config: ExpectationsConfig) -> Record:
    """Data Docs and results of whether the target, of which ``told`` is evidence, knows forget.

    Raises:
        DataError: it does not: there is nothing to unlearn.
    """
    rooms = ("validate", "expectations", "metrics")
    identity = Identity(kind="knowledge", config=config, inputs=(told,), rooms=rooms)

    def make(scratch: Path) -> None:
        from tasks import expectations

        complaint = expectations.judge([expectations.knowledge(told.path, config)], scratch)
        _settle(complaint and f"nothing to unlearn: {complaint}", scratch, identity)

    return keep(identity, make)


def _settle(complaint: str, out: Path, identity: Identity) -> None:
    """Where there is a ``complaint``, move ``out`` to where nothing counts as finished."""
    if not complaint:
        return
    kept = Settings().root / f"{identity.kind}-failed" / identity.fingerprint
    shutil.rmtree(kept, ignore_errors=True)
    kept.parent.mkdir(parents=True, exist_ok=True)
    out.rename(kept)
    raise DataError(f"{complaint}; see {kept / 'data_docs' / 'index.html'}")
