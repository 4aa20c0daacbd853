"""A statement of nothing that happened, with every kind of value in it."""

import math
from datetime import UTC, datetime

import pytest

from tasks.certificates.statement import Predicate, Statement, subjects

AT = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)
DIGEST = "ab" * 32
DOCUMENTS = {"documents": 2, "digest": DIGEST}
FIGURE = {"value": 18.5, "low": 17.25, "high": math.nan}


def predicate(**changed):
    return Predicate.model_validate(
        {
            "status": "issued",
            "issued": AT,
            "request": {
                "id": "r-0123456789ab", "ground": "objection", "received": AT, "due": AT,
                "selectors": {"authors": 1}, "digest": DIGEST,
            },
            "found": {"matched": DOCUMENTS, "added": DOCUMENTS, "left": DOCUMENTS, "tokens": 40},
            "revision": "cd" * 20,
            "version": "lethe-tiny/3",
            "event": "0123456789ab",
            "models": {"target": "t0", "unlearned": "u0"},
            "weights": DIGEST,
            "method": "npo",
            "knobs": {"steps": 40},
            "judged": {
                "passed": True, "comparator": "approximate",
                "rules": [
                    {"rule": "forgotten", "passed": True, "message": "far enough", "value": 2.5,
                     "low": 1.5, "high": math.inf},
                ],
            },
            "measured": {
                "headline": {"unlearned": {"forget/perplexity": FIGURE}}, "further": {},
                "scores": {"resamples": 100, "confidence": 0.95, "seed": 0},
                "attacks": {"resamples": 100, "confidence": 0.95, "seed": 0},
            },
            "evidence": [{"name": "evidence/unlearned/forget.parquet", "digest": {"sha256": DIGEST}}],
            "approvals": [{"status": "approved", "at": AT, "by": "officer-7"}],
            "cost": {"seconds": 4.0, "joules": math.nan},
            "software": {"torch": "2.13.0"},
            "log": {"number": 7, "digest": DIGEST},
            **changed,
        }
    )  # fmt: skip


@pytest.fixture
def a_statement():
    """Makes one; told by keyword what is changed of its predicate."""

    def make(**changed):
        files = subjects("model/", "sha256", {"model.safetensors": DIGEST})
        splits = subjects("data/", "md5", {"forget.parquet": "ef" * 16})
        return Statement(subject=(*files, *splits), predicate=predicate(**changed))

    return make
