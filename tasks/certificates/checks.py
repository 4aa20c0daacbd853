"""What is compared when a certificate is verified: what it says with what is found."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from tasks.certificates.statement import Figure
from tasks.core.event import Role

SAME = 1e-9
"""Relative; sums in another order on another processor differ by no more."""

SHOWN = 3
"""Names that a line holds."""


class Check(NamedTuple):
    """One thing that was looked at; ``message`` names files and figures, never text."""

    name: str
    holds: bool
    message: str


def files(name: str, told: Mapping[str, str], found: Mapping[str, str], what: str) -> Check:
    """Whether the digests ``found`` are those that were ``told``, file for file."""
    gone = sorted(told.keys() - found.keys())
    more = sorted(found.keys() - told.keys())
    other = sorted(name for name in told.keys() & found.keys() if told[name] != found[name])
    faults = [
        f"{_listed(names)} {is_}"
        for names, is_ in ((gone, "missing"), (other, "changed"), (more, "not certified"))
        if names
    ]
    if faults:
        return Check(name, False, f"{what}: {'; '.join(faults)}")
    return Check(name, True, f"{len(told)} files of {what} as certified")


def figures(
    told: Mapping[Role, Mapping[str, Figure]], found: Mapping[Role, Mapping[str, Figure]]
) -> Check:
    """Whether every figure of every role is found again."""
    names = [f"{role} {name}" for role, by_name in told.items() for name in by_name]
    both = {
        f"{role} {name}": (figure, found.get(role, {}).get(name))
        for role, by_name in told.items()
        for name, figure in by_name.items()
    }
    other = [
        f"{name} is {_shown(again)}, certified is {_shown(figure)}"
        for name, (figure, again) in both.items()
        if again is None or not _alike(figure, again)
    ]
    if other:
        more = f"; and {len(other) - SHOWN} more" if len(other) > SHOWN else ""
        return Check("metrics", False, f"{'; '.join(other[:SHOWN])}{more}")
    return Check("metrics", True, f"{len(names)} figures of {', '.join(told)} computed again")


def _alike(one: Figure, other: Figure) -> bool:
    pairs = ((one.value, other.value), (one.low, other.low), (one.high, other.high))
    return all(
        math.isclose(a, b, rel_tol=SAME, abs_tol=SAME) or (math.isnan(a) and math.isnan(b))
        for a, b in pairs
    )


def _shown(figure: Figure | None) -> str:
    if figure is None:
        return "missing"
    return f"{figure.value:.6g} ({figure.low:.6g} to {figure.high:.6g})"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"
