import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.compare import compare
from tasks.core.errors import ConfigError, DataError
from tasks.core.event import SPLITS
from tasks.core.record import RECORD, Record
from tasks.metrics import evidence as proof
from tasks.metrics import scores
from tasks.metrics.evidence import Evidence
from tasks.metrics.gate import GateConfig

NEUTRAL = {"perplexity": 20.0, "exact_memorisation": 0.2, "extraction_strength": 0.0}
KNOWN = {"perplexity": 2.0, "exact_memorisation": 0.9, "extraction_strength": 0.6}
STANDING = {
    "auc_low": 0.45, "auc_high": 0.55, "tpr_at_1pct_fpr": None, "members": 9, "ks_p": 0.02,
}  # fmt: skip
SURE = {"forget": {"perplexity": {"low": 1.0, "high": None}}}
TEXT = "It was the best of forgotten times"
AUTHORS = {"a": ["Zoe"], "b": ["Zoe", "Yan"], "c": []}
LOSSES = {"target": [1, 1, 2], "unlearned": [3, 2, 5], "retrained": [3, 3, 4.5]}
"""Nats per token of the documents a, b and c, which are forgotten."""

LIKE = [2.5, 3.5, 4.5]
DRAWN = {"resamples": 100, "confidence": 0.9, "seed": 1}
SPENT = {
    "target": {"flops": 9e15, "seconds": 300.0, "tokens": 10_000_000},
    "unlearned": {"flops": 3e13, "seconds": 10.0, "tokens": 50_000, "peak_memory_bytes": 2e9},
    "retrained": {"flops": 6e15, "seconds": 200.0, "tokens": 9_000_000},
}


def seen(losses, doc_ids="abc"):
    """Evidence of documents of two tokens."""
    logp = -np.repeat(losses, 2).astype(np.float32)
    sizes = np.full(len(losses), 9)
    offsets = np.arange(len(losses) + 1) * 2
    return Evidence((*doc_ids,), offsets, logp, logp > -1, logp, logp, sizes, sizes)


@pytest.fixture
def three(tmp_path, artifacts):
    """Evidence, attacks and models of a target that knows, and two models that do not."""
    data = artifacts / "splits" / "aa"
    data.mkdir(parents=True)
    facts = [
        {"doc_id": doc_id, "author": AUTHORS[doc_id], "group": "g", "date": None, "text": TEXT}
        for doc_id in "cba"
    ]
    pq.write_table(pa.Table.from_pylist(facts), data / "forget.parquet")
    kept = Record(kind="splits", fingerprint="aa", path=data)
    (data / RECORD).write_text(kept.model_dump_json())

    def record(kind, role, name, values, data="splits/aa"):
        folder = tmp_path / kind / role
        folder.mkdir(parents=True)
        scores.write(values, folder / name)
        scores.write(SURE, folder / "intervals.json")
        proof.write(seen(LOSSES[role]), folder / "forget.parquet")
        proof.write(seen(LIKE), folder / "approximate.parquet")
        return Record(
            kind=kind, fingerprint=f"{kind}-{role}", path=folder, inputs=(data,), config=DRAWN
        )

    def told(role):
        forget = KNOWN if role == "target" else NEUTRAL
        return dict.fromkeys(SPLITS, NEUTRAL) | {"forget": forget}

    def standings(role):
        standing = STANDING | {"auc": 0.9 if role == "target" else 0.5}
        return {"loss": standing, "min_k_20": standing}

    return (
        {role: record("evidence", role, "scores.json", told(role)) for role in SPENT},
        {role: record("attacks", role, "attacks.json", standings(role)) for role in SPENT},
        {role: record("model", role, "training.json", SPENT[role]) for role in SPENT},
    )


def without(role, three):
    return [{name: record for name, record in part.items() if name != role} for part in three]


def written(record, name="verdict.json"):
    return json.loads((record.path / name).read_text())


def test_the_verdict_says_pass_comparator_reasons_and_cost(three):
    verdict = written(compare.fn(*three, GateConfig()))
    assert verdict["pass"] is True
    assert verdict["comparator"] == "retrained"
    for reason in verdict["reasons"]:
        assert set(reason) == {"rule", "passed", "message", "value", "low", "high"}
    assert verdict["cost"] == {
        "tokens": 50_000,
        "flops": 3e13,
        "seconds": 10.0,
        "joules": None,
        "parameters": None,
        "retrain_joules": None,  # not in these files
        "peak_memory_bytes": 2e9,
        "retrain_flops": 6e15,
        "retrain_seconds": 200.0,
        "ratio": pytest.approx(6e15 / 3e13),
        "seconds_ratio": pytest.approx(20),
    }


def test_an_open_side_is_null(three):
    reasons = {r["rule"]: r for r in written(compare.fn(*three, GateConfig()))["reasons"]}
    assert reasons["retain_perplexity"]["low"] is None
    assert reasons["retain_perplexity"]["high"] == pytest.approx(24)
    assert reasons["forgotten"]["high"] is None


def test_models_stand_side_by_side(three):
    made = compare.fn(*three, GateConfig())
    assert written(made, "scores.json")["target"]["forget"] == KNOWN
    assert written(made, "scores.json")["unlearned"]["forget"] == NEUTRAL
    assert written(made, "attacks.json")["target"]["loss"]["auc"] == 0.9
    assert written(made, "attacks.json")["retrained"]["loss"]["tpr_at_1pct_fpr"] is None


def test_intervals_stand_beside_the_scores(three):
    assert written(compare.fn(*three, GateConfig()), "intervals.json") == dict.fromkeys(SPENT, SURE)


def test_a_reference_attack_is_named_by_its_reference_and_calibrated_where_that_can_be(three):
    found = written(compare.fn(*three, GateConfig()), "attacks.json")
    assert found["unlearned"].keys() - {"loss", "min_k_20"} == {
        "reference_retrained",
        "reference_target",
    }
    # forgotten documents are 3 - 3, 3 - 2 and 4.5 - 5 nats likelier than under the retrained model,
    # approximate ones all 0: one is level with them, one above, one below
    assert found["unlearned"]["reference_retrained"]["auc"] == pytest.approx(0.5)
    assert found["target"]["reference_retrained"]["auc"] == 1
    # of the target all documents became harder, whoever forgot them
    assert found["unlearned"]["reference_target"]["auc"] == 0
    assert found["retrained"]["reference_target"]["auc"] == 0
    assert "reference_retrained" not in found["retrained"]
    # four attacks are read together: the smallest p-value counts four times
    p_values = [one["ks_p"] for one in found["unlearned"].values()]
    corrected = [one["ks_p_holm"] for one in found["unlearned"].values()]
    assert min(corrected) == pytest.approx(min(4 * min(p_values), 1))


def test_an_attack_that_the_retrained_model_cannot_calibrate_is_held_against_guessing(three):
    leaked = written(compare.fn(*three, GateConfig()), "exposure.json")["priv_leak"]
    assert leaked["reference_retrained"]["comparator"] == "guessing"
    assert leaked["reference_target"]["comparator"] == "retrained"


def test_without_a_retrained_model_the_ratio_is_null_and_the_comparator_said(three):
    verdict = written(compare.fn(*without("retrained", three), GateConfig()))
    assert (verdict["comparator"], verdict["pass"]) == ("approximate", True)
    assert verdict["cost"]["retrain_flops"] is None
    assert verdict["cost"]["ratio"] is None


def test_exposures_are_kept_by_role_with_what_they_are_held_against(three):
    found = written(compare.fn(*three, GateConfig()), "exposure.json")
    unlearned = found["roles"]["unlearned"]
    # generalised: 3 - 3, 3 - 2, 4.5 - 5; relative: ranks 2, 1 and 4 of four
    assert unlearned["generalised"]["mean"] == pytest.approx((0 + 1 - 0.5) / 3)
    assert unlearned["generalised"]["comparator"] == "retrained"
    assert unlearned["relative"]["mean"] == pytest.approx((1 + 2 + 0) / 3)
    assert unlearned["relative"]["comparator"] == "approximate"
    assert found["roles"]["retrained"].keys() == {"relative"}
    assert [one["doc_id"] for one in found["worst"]] == ["b", "a", "c"]
    assert [one["loss_unlearned"] for one in found["documents"]] == [3, 2, 5]


def test_groups_find_their_documents_whatever_the_order_of_the_data(three):
    found = written(compare.fn(*three, GateConfig()), "exposure.json")["subgroups"]
    # Yan is of b alone: 1; Zoe of a and b: 0.5; c has no author: -0.5
    assert [(one["name"], one["mean"]) for one in found["author"]] == [
        ("Yan", 1), ("Zoe", 0.5), ("not known", -0.5)
    ]  # fmt: skip


def test_privacy_leaks_name_the_auc_they_are_held_against(three):
    found = written(compare.fn(*three, GateConfig()), "exposure.json")["priv_leak"]
    # one more of the nine pairs is won than lost: 100 (1 / 2 - 5 / 9) / (1 / 2)
    assert found["loss"]["percent"] == pytest.approx(-100 / 9)
    assert (found["loss"]["auc_never"], found["loss"]["comparator"]) == (0.5, "retrained")
    found = written(compare.fn(*without("retrained", three), GateConfig()), "exposure.json")
    assert found["priv_leak"]["loss"]["comparator"] == "guessing"


def test_without_a_retrained_model_exposure_is_relative_and_said_to_be(three):
    found = written(compare.fn(*without("retrained", three), GateConfig()), "exposure.json")
    assert (found["measure"], found["comparator"]) == ("relative", "approximate")
    assert found["roles"]["unlearned"].keys() == {"relative"}
    assert found["goes_along_with"] == {}


def test_no_text_reaches_the_verdict(three):
    for path in compare.fn(*three, GateConfig()).path.iterdir():
        assert TEXT not in path.read_text()


@pytest.mark.parametrize("role", ["target", "unlearned"])
def test_comparing_without_a_baseline_raises(three, role):
    with pytest.raises(ConfigError, match=f"no evidence of the {role} model"):
        compare.fn(*without(role, three), GateConfig())


def test_a_model_without_attacks_is_not_passed_over(three):
    evidence, attacks, models = three
    del attacks["retrained"]
    with pytest.raises(ConfigError, match="not of the same roles"):
        compare.fn(evidence, attacks, models, GateConfig())


def test_models_read_on_different_data_are_not_compared(three):
    evidence, attacks, models = three
    evidence["target"] = evidence["target"].model_copy(update={"inputs": ("splits/bb",)})
    with pytest.raises(DataError, match="splits/aa and splits/bb"):
        compare.fn(evidence, attacks, models, GateConfig())


def test_a_refused_comparison_leaves_nothing(three, artifacts):
    for record in three[0].values():
        values = scores.read(record.path / "scores.json")
        del values["forget"]["perplexity"]
        scores.write(values, record.path / "scores.json")
    with pytest.raises(ConfigError, match="perplexity"):
        compare.fn(*three, GateConfig())
    assert [path.name for path in artifacts.glob("verdict/*") if path.is_dir()] == []
