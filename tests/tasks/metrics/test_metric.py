"""What holds of every metric: its value, and how sure it is."""

import math

import numpy as np
import pytest

from tasks.metrics import METRICS
from tasks.metrics.metric import intervals
from tasks.metrics.statistics import Sampling

SAMPLING = Sampling(300, 0.9, 3)


@pytest.fixture
def told(evidence_of):
    """30 documents of 1 to 12 tokens, and one without any."""
    rng = np.random.default_rng(0)
    lengths = [*rng.integers(1, 12, 30), 0]
    logp = [(-rng.exponential(1 + at % 3, n)).tolist() for at, n in enumerate(lengths)]
    hit = [[bool(x > -1) for x in tokens] for tokens in logp]
    return evidence_of(logp=logp, hit=hit)


def redrawn(told, at, evidence_of):
    """The evidence of documents ``at``, some of them several times."""
    logp, hit = told.documents(told.logp), told.documents(told.hit)
    return evidence_of(
        logp=[logp[i].tolist() for i in at], hit=[hit[i].astype(bool).tolist() for i in at]
    )


@pytest.mark.parametrize("name", METRICS)
def test_an_interval_is_that_of_the_value_of_documents_drawn_one_by_one(name, told, evidence_of):
    drawn = np.random.default_rng(3).integers(30, size=(300, 30))
    values = [METRICS[name].value(redrawn(told, at, evidence_of)) for at in drawn]
    found = intervals([METRICS[name]], told, SAMPLING)[name]
    # quantiles are taken before the scale, between two of 300 values: not quite the same place
    assert found == pytest.approx(tuple(np.quantile(values, [0.05, 0.95])), rel=2e-3)
    assert found.low < METRICS[name].value(told) < found.high


def test_one_document_has_a_value_and_no_interval(evidence_of):
    found = intervals(METRICS.values(), evidence_of(logp=[[-1.0, -2.0], []]), SAMPLING)
    assert found.keys() == METRICS.keys()
    assert all(math.isnan(end) for interval in found.values() for end in interval)
