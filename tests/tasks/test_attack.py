import json

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.metrics import roc_auc_score

from tasks.attack import AttackConfig, attack
from tasks.core.errors import ConfigError
from tasks.core.record import Record
from tasks.metrics import ATTACKS, evidence
from tasks.metrics.evidence import Evidence

RNG = np.random.default_rng(0)


def told(logp_per_document):
    """Evidence in which only the log-probabilities differ between documents."""
    lengths = [len(logp) for logp in logp_per_document]
    total = sum(lengths)
    return Evidence(
        tuple(f"doc{i}" for i in range(len(lengths))),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.concatenate(logp_per_document).astype(np.float32),
        np.zeros(total, dtype=np.bool_),
        np.full(total, -2, dtype=np.float32),
        np.ones(total, dtype=np.float32),
        np.full(len(lengths), 100),
        np.full(len(lengths), 300),
        np.array([np.exp(-logp.mean()) if logp.size else np.nan for logp in logp_per_document]),
    )


@pytest.fixture
def record(tmp_path):
    """30 members at about -1 nat a token, and 120 documents never seen at about -1.3."""
    members = [RNG.normal(-1, 0.3, 25) for _ in range(30)]
    nonmembers = [RNG.normal(-1.1, 0.3, 25) for _ in range(119)] + [np.array([])]
    folder = tmp_path / "evidence"
    folder.mkdir()
    evidence.write(told(members), folder / "forget.parquet")
    evidence.write(told(nonmembers), folder / "approximate.parquet")
    means = [np.mean(logp.astype(np.float32)) for logp in members + nonmembers[:-1]]
    return Record(kind="evidence", fingerprint="0" * 12, path=folder), means


def test_every_attack_has_its_figures_and_its_curve(record):
    made = attack.fn(record[0], AttackConfig(resamples=100))
    figures = json.loads((made.path / "attacks.json").read_text())
    curves = json.loads((made.path / "roc.json").read_text())
    assert set(figures) == set(ATTACKS) == set(curves)
    assert {"loss", "grad_norm", "min_k_20", "zlib"} <= set(figures)
    for name, standing in figures.items():
        assert standing["auc_low"] < standing["auc"] < standing["auc_high"], name
        assert (standing["members"], standing["nonmembers"]) == (30, 119)
        assert curves[name]["fpr"][-1] == curves[name]["tpr"][-1] == 1


def test_attacks_are_tested_together_and_say_how_small_a_rate_they_can_show(record):
    made = attack.fn(record[0], AttackConfig(resamples=100))
    figures = json.loads((made.path / "attacks.json").read_text())
    for name, one in figures.items():
        assert one["smallest_fpr"] == pytest.approx(1 / 119), name
        assert one["cliffs_delta"] == pytest.approx(2 * one["auc"] - 1), name
        assert one["ks_p"] <= one["ks_p_holm"] <= 1, name
    # six attacks: the smallest p-value is multiplied by six
    smallest = min(figures.values(), key=lambda one: one["ks_p"])
    assert smallest["ks_p_holm"] == pytest.approx(min(6 * smallest["ks_p"], 1))


def test_the_auc_of_the_loss_attack_is_scikit_learns(record):
    made = attack.fn(record[0], AttackConfig(attacks=("loss",), resamples=100))
    found = json.loads((made.path / "attacks.json").read_text())["loss"]["auc"]
    assert found == pytest.approx(roc_auc_score([1] * 30 + [0] * 119, record[1]))


def test_with_ninety_nonmembers_one_percent_is_null_and_five_percent_a_number(tmp_path):
    for split, documents in (("forget", 20), ("approximate", 90)):
        drawn = told([RNG.normal(-1, 0.3, 5) for _ in range(documents)])
        evidence.write(drawn, tmp_path / f"{split}.parquet")
    record = Record(kind="evidence", fingerprint="1" * 12, path=tmp_path)
    made = attack.fn(record, AttackConfig(attacks=("loss",), resamples=100))
    found = json.loads((made.path / "attacks.json").read_text())["loss"]
    assert found["tpr_at_1pct_fpr"] is None
    assert 0 <= found["tpr_at_5pct_fpr"] <= 1


def test_a_second_time_nothing_is_computed(record):
    config = AttackConfig(resamples=100)
    first = attack.fn(record[0], config)
    made = (first.path / "attacks.json").stat().st_mtime_ns
    assert attack.fn(record[0], config) == first
    assert (first.path / "attacks.json").stat().st_mtime_ns == made


def test_an_unknown_attack_is_refused_and_the_nearest_offered():
    with pytest.raises(ValidationError, match=r"'min_k_30' is no attack; did you mean 'min_k_"):
        AttackConfig(attacks=("min_k_30",))


def test_without_gradients_the_attack_that_needs_them_says_what_to_do(record, tmp_path):
    for split in ("forget", "approximate"):
        kept = evidence.read(record[0].path / f"{split}.parquet")
        evidence.write(kept._replace(grad_norm=None), record[0].path / f"{split}.parquet")
    with pytest.raises(ConfigError, match=r"evaluate\.gradients is 0"):
        attack.fn(record[0], AttackConfig(resamples=100))
    attack.fn(record[0], AttackConfig(resamples=100, attacks=("loss",)))
