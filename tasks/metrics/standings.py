"""What several attacks on one model achieve, put together: what attacks.json holds."""

from collections.abc import Mapping

from tasks.metrics.holm import holm
from tasks.metrics.statistics import Sampling, Sides, standing
from tasks.metrics.two_samples import difference

Standings = dict[str, dict[str, float]]
"""Figures by attack."""


def standings(sides: Mapping[str, Sides], sampling: Sampling) -> Standings:
    """How well each attack tells its two sides apart, and how far apart they are."""
    return {
        name: standing(*both, sampling)._asdict() | difference(*both)._asdict()
        for name, both in sides.items()
    }


def corrected(found: Standings) -> Standings:
    """The same with ``ks_p_holm``: corrected for all attacks on a model, read together."""
    p_values = holm([one["ks_p"] for one in found.values()]).tolist()
    return {
        name: {**one, "ks_p_holm": p_value}
        for (name, one), p_value in zip(found.items(), p_values, strict=True)
    }
