"""What a certificate says, with markup in it, as JSON has it."""

from tests.events import HOSTILE

AT = "2026-11-28T09:30:00+01:00"
GONE = {"documents": 1200, "digest": "ab" * 32}
FIGURE = {"value": 18.5, "low": 17.25, "high": None}


def statement(**changed):
    """With ``changed`` in its predicate."""
    return {
        "subject": [
            {"name": f"model/{HOSTILE}", "digest": {"sha256": "cd" * 32}},
            {"name": "data/forget.parquet", "digest": {"md5": "ef" * 16}},
        ],
        "predicate": {
            "status": "issued", "issued": AT, "revision": "0a", "version": "lethe-tiny/3",
            "event": "e0", "models": {"target": "t0"}, "weights": "77" * 32, "method": HOSTILE,
            "request": {"id": "r-1", "ground": "no_longer_needed", "received": AT, "due": AT,
                        "selectors": {"doc_ids": 1000, "dated_from": 1}, "digest": "99" * 32},
            "found": {"matched": GONE, "added": GONE, "left": GONE, "tokens": 60},
            "knobs": {"refusal": "\u202e" + HOSTILE},
            "judged": {"passed": True, "comparator": "approximate",
                       "rules": [{"rule": "membership_loss", "passed": False, "message": HOSTILE}]},
            "measured": {
                "headline": {"target": {"forget/perplexity": FIGURE}, "unlearned": {}},
                "further": {"target": {}, "unlearned": {}},
                "scores": {"resamples": 1000, "confidence": 0.95},
            },
            "own": {"judged": {"passed": True, "rules": [
                {"rule": "forgotten", "passed": True, "message": HOSTILE}]}},
            "evidence": [], "approvals": [{"status": "approved", "at": AT, "by": HOSTILE}],
            "cost": {"seconds": 4.0, "tokens": 2e4, "flops": 1e12, "ratio": None},
            "software": {"torch": HOSTILE}, "log": {"number": 7, "digest": "88" * 32},
            "not_proven": ["That it is equal."], "remains": [], "follows": "", **changed,
        },
    }  # fmt: skip
