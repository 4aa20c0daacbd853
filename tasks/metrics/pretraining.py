"""What training a known model again would take, 6 N D floating-point operations, and the claim.

Kaplan et al. 2020, *Scaling Laws for Neural Language Models*, arXiv:2001.08361, for N weights and D
tokens. N counts every weight, embeddings too, as it does for the models trained here; D is what the
authors state: Pythia arXiv:2304.01373 (143,000 steps of 2,097,152 tokens), Yi arXiv:2403.04652,
OLMo and OLMo 2 their model cards (for OLMo 1B arXiv:2402.00838 says 2 T).

The claim is that of arXiv:2402.15159: unlearning is more than 10^5 times cheaper than retraining.
"""

from typing import Literal, NamedTuple

FLOPS_PER_WEIGHT_AND_TOKEN = 6
CLAIMED = 1e5


class Pretrained(NamedTuple):
    """A model others trained."""

    name: str
    weights: float
    tokens: float

    @property
    def flops(self) -> float:
        """Of training it once."""
        return float(FLOPS_PER_WEIGHT_AND_TOKEN * self.weights * self.tokens)

    def ratio(self, unlearning_tokens: float) -> float:
        """Retraining over unlearning that trains on so many tokens; N cancels out."""
        return self.tokens / unlearning_tokens

    def cheap(self, unlearning_tokens: float) -> Literal["yes", "no", "not known"]:
        """Whether unlearning on so many tokens is over 10^5 times cheaper than its training."""
        ratio = self.ratio(unlearning_tokens)
        return "yes" if ratio > CLAIMED else "no" if ratio <= CLAIMED else "not known"


KNOWN = (
    Pretrained("Pythia-160M", 162_322_944, 299_892_736_000),
    Pretrained("Pythia-6.9B", 6_857_302_016, 299_892_736_000),
    Pretrained("OLMo-1B", 1_176_764_416, 3.0e12),
    Pretrained("OLMo-2-1B", 1_484_916_736, 4.0e12),
    Pretrained("Yi-6B", 6_061_035_520, 3.1e12),
)


class Unlearning(NamedTuple):
    """An unlearning by the tokens it trains on."""

    name: str
    tokens: float
    published: bool = True


PUBLISHED = (
    Unlearning("paper, arXiv, ascent", 4 * 480 * 4096),
    Unlearning("paper, arXiv, ascent and descent", 2 * 4 * 480 * 4096),
    Unlearning("paper, GitHub, ascent", 4 * 680 * 4096),
    Unlearning("paper, GitHub, ascent and descent", 2 * 4 * 680 * 4096),
)
"""The runs of arXiv:2402.15159, worked out from its published code: 4 optimiser steps of 480
(arXiv) or 680 (GitHub) sequences of 4,096 tokens, padding included; a retain set doubles them."""


def equivalent(flops: float, parameters: float) -> float:
    """Tokens trained on that take as much: a token only read, at 2 N, counts as a third of one.

    NaN where either is not known.
    """
    return flops / (FLOPS_PER_WEIGHT_AND_TOKEN * parameters)
