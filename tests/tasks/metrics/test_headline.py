import math

import pytest

from tasks.metrics import ATTACKS, evidence
from tasks.metrics.headline import Figure, bounded, headline, headlines
from tasks.metrics.reading import Reading
from tasks.metrics.statistics import Sampling, Sides, standing

DRAWN = Sampling(100, 0.95, 0)


@pytest.fixture
def seen(evidence_of):
    """Forgotten documents at 1 nat a token, others at 2: each differs a little from the next."""
    forget = [[-1.0 - at / 100] * 5 for at in range(10)]
    return Reading(
        evidence_of(logp=forget), evidence_of(logp=[[-2.0 - at / 100] * 5 for at in range(10)])
    )


def test_scores_are_those_of_the_forgotten_documents(seen):
    figure = headline(seen, DRAWN, DRAWN)["forget/perplexity"]
    assert figure.value == pytest.approx(math.exp(1.045))  # the mean of 1.00, 1.01, ... 1.09
    assert 1.0 < math.log(figure.low) < 1.045 < math.log(figure.high) < 1.09


def test_attacks_hold_the_forgotten_against_those_never_seen(seen):
    found = headline(seen, DRAWN, DRAWN)
    assert found["attack/loss/auc"] == Figure(1.0, 1.0, 1.0)  # every one is likelier than any other
    alike = Reading(seen.forget, seen.forget)
    whole = standing(*Sides(*(ATTACKS["min_k_20"].per_document(one) for one in alike)), DRAWN)
    assert headline(alike, DRAWN, DRAWN)["attack/min_k_20/auc"] == Figure(
        whole.auc, whole.auc_low, whole.auc_high
    )


def test_figures_that_were_logged_with_their_intervals_are_put_together():
    logged = {
        "test/accuracy": 0.5, "test/accuracy_low": 0.25, "test/accuracy_high": None,
        "exposure/relative/mean": 3.0, "exposure/relative/low": 2.0, "exposure/relative/high": 4.0,
        "cost/seconds": 9.0, "test/loss_low": 1.0,
    }  # fmt: skip
    found = bounded(logged)
    assert found.keys() == {"test/accuracy", "exposure/relative/mean"}
    assert found["exposure/relative/mean"] == Figure(3.0, 2.0, 4.0)
    assert found["test/accuracy"][:2] == (0.5, 0.25)
    assert math.isnan(found["test/accuracy"].high)


def test_every_model_whose_evidence_is_kept_is_read(seen, tmp_path):
    for role in ("target", "unlearned", "somebody"):
        (tmp_path / role).mkdir()
        for name, told in seen._asdict().items():
            evidence.write(told, tmp_path / role / f"{name}.parquet")
    found = headlines(tmp_path, DRAWN, DRAWN)
    assert list(found) == ["target", "unlearned"]
    assert found["target"] == headline(seen, DRAWN, DRAWN)
