import json
from types import SimpleNamespace

import pytest

from flows.outcome import as_json, as_text
from tasks.core.event import SPLITS

SCORES = {split: {"perplexity": 20.0, "accuracy": 0.2} for split in SPLITS}
SURE = {"forget": {"perplexity": {"low": 18.0, "high": None}}}
STANDING = {"loss": {"auc": 0.5, "auc_low": 0.4, "auc_high": 0.6}}
SUMMARY = {
    "mean": 0.0123, "low": -0.1, "high": None, "never_seen": 0.0,
    "comparator": "retrained", "unit": "nats per token",
}  # fmt: skip
EXPOSURE = {
    "measure": "generalised",
    "comparator": "retrained",
    "roles": {"unlearned": {"generalised": SUMMARY}},
    "documents": [{"doc_id": "a", "tokens": 2}],
}
PLAN = {"matched": [1], "added": [], "left": [], "tokens": 9}
COST = {"seconds": 1.0, "tokens": 5, "flops": 1.0, "ratio": None, "seconds_ratio": None}
VERDICT = {"pass": True, "comparator": "retrained", "reasons": [], "cost": COST}


@pytest.fixture
def outcome(tmp_path):
    files = {"verdict": VERDICT, "exposure": EXPOSURE, "plan": PLAN,
             "intervals": dict.fromkeys(("target", "unlearned"), SURE),
             "scores": dict.fromkeys(("target", "unlearned"), SCORES),
             "attacks": dict.fromkeys(("target", "unlearned"), STANDING)}  # fmt: skip
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    record = SimpleNamespace(path=tmp_path, fingerprint="f")
    return SimpleNamespace(
        event=SimpleNamespace(verdict=record, data=record),
        report=record,
        registration=SimpleNamespace(model_version="", lineage={}),
    )


def test_exposure_is_in_the_answer_summed_up_and_not_document_by_document(outcome):
    exposure = as_json(outcome)["exposure"]
    assert exposure["roles"] == EXPOSURE["roles"]
    assert "documents" not in exposure


def test_every_score_has_its_interval_in_the_answer(outcome):
    assert as_json(outcome)["intervals"]["unlearned"] == SURE


def test_a_person_reads_exposure_with_what_it_is_held_against(outcome):
    (line,) = [line for line in as_text(as_json(outcome)).splitlines() if "Exposure" in line]
    assert line == (
        "Exposure: 0.0123 [-0.1, -] nats per token, generalised, held against the retrained "
        "model; 0 for text never seen"
    )
