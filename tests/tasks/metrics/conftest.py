"""Evidence written by hand: a list of tokens per document, and what is not given is neutral."""

from itertools import chain

import numpy as np
import pytest

from tasks.metrics.evidence import Evidence


def made(logp=None, hit=None, mean=None, variance=None, zlib_bytes=None):
    given = next(values for values in (logp, hit, mean, variance) if values is not None)
    lengths = [len(tokens) for tokens in given]

    def flat(values, neutral, dtype):
        return np.array([*chain(*(values or [[neutral] * n for n in lengths]))], dtype=dtype)

    return Evidence(
        tuple(f"doc{i}" for i in range(len(lengths))),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        flat(logp, -1.0, np.float32),
        flat(hit, False, np.bool_),
        flat(mean, -1.0, np.float32),
        flat(variance, 1.0, np.float32),
        np.array(zlib_bytes or [100] * len(lengths)),
        np.array([200] * len(lengths)),
    )


@pytest.fixture
def evidence_of():
    return made
