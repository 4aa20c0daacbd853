"""Whether what was forgotten is known again: a later model held against the bounds of the gate."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from tasks.core.variants import Section

MEMBERSHIP = "membership_"
"""How the gate names its rule for an attack: `gate.judge`."""

Kind = Literal["unverified", "changed", "not_descended", "membership", "repeated"]


class Finding(Section):
    """Something that must be looked at."""

    kind: Kind
    version: str
    """The version whose event it is about, or the champion itself."""
    said: str


def membership(
    version: str, reasons: Sequence[Mapping[str, Any]], attacks: Mapping[str, Mapping[str, float]]
) -> list[Finding]:
    """Attacks that tell the forgotten documents of ``version``'s event from those never seen.

    The gate let each attack's interval touch what it allowed; the same is asked of ``attacks``, of
    a later model on the same documents. Outside on either side is a finding, and so is what could
    not be measured.
    """
    found = []
    for reason in reasons:
        if not reason["rule"].startswith(MEMBERSHIP):
            continue
        name = reason["rule"].removeprefix(MEMBERSHIP)
        auc, low, high = (attacks[name][part] for part in ("auc", "auc_low", "auc_high"))
        if math.isfinite(auc) and low <= reason["high"] and high >= reason["low"]:
            continue
        said = (
            f"membership AUC of {name} is {auc:.3f} ({low:.3f} to {high:.3f}); the gate allowed "
            f"{reason['low']:.3f} to {reason['high']:.3f}, and it was {reason['value']:.3f}"
        )
        found.append(Finding(kind="membership", version=version, said=said))
    return found
