"""What arXiv:2411.04388 claims of forgetting in and out of distribution, and the rule that judges.

The rule was written before any run. A claim is a difference that must be above 0, by kind, at the
greatest number of readings unless it says otherwise. For one kind it holds where the difference is
above 0 in 97.5 % of the resamples (a two-sided 95 % interval above 0), is contradicted where it is
below 0 in as many, and is undecided in between; a difference that is not known (a level that was
never reached on both sides) counts for neither. A claim is about every kind: it holds where it does
for each, does not hold here where one kind contradicts it, and is undecided otherwise.
"""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import numpy as np

from tasks.metrics.evidence import Floats
from tasks.metrics.forgetting import Reached, interval

Verdict = Literal["holds", "does not hold here", "undecided"]
SURE = 0.975
CONFIDENCE = 2 * SURE - 1


class Groups(NamedTuple):
    """Resamples of one kind's groups of documents."""

    most: Reached
    """Read most often."""
    least: Reached
    easy: Reached
    hard: Reached


class Claim(NamedTuple):
    """A claim, and the difference that would show it for one kind, beside natural text."""

    says: str
    measured: str
    difference: Callable[[Groups, Groups], Floats]
    """Of a kind and of natural text; [R]."""
    of_natural: bool
    """Whether it is about natural text too."""
    two_sided: bool = False
    """Whether a difference either way shows it."""


class Finding(NamedTuple):
    """The verdict for one kind; the interval is of the difference."""

    low: float
    high: float
    verdict: Verdict


CLAIMS = (
    Claim(
        "Text out of distribution takes more steps to forget.",
        "steps to the stated exposure, kind less natural",
        lambda kind, natural: kind.most.steps - natural.most.steps,
        of_natural=False,
    ),
    Claim(
        "Text out of distribution ends with the better trade-off.",
        "utility lost when the stated exposure is reached, natural less kind",
        lambda kind, natural: natural.most.lost - kind.most.lost,
        of_natural=False,
    ),
    Claim(
        "Forgetting text in distribution makes performance decay rapidly.",
        "utility lost after the same number of steps, natural less kind",
        lambda kind, natural: natural.most.damage - kind.most.damage,
        of_natural=False,
    ),
    Claim(
        "What was memorised more takes more steps.",
        "steps to the stated exposure, read most often less read least",
        lambda kind, _: kind.most.steps - kind.least.steps,
        of_natural=True,
    ),
    Claim(
        "Difficulty changes how many steps it takes.",
        "steps to the stated exposure over all readings, hard third less easy third, either way",
        lambda kind, _: kind.hard.steps - kind.easy.steps,
        of_natural=True,
        two_sided=True,
    ),
)


def judged(claim: Claim, kinds: Mapping[str, Groups], natural: str) -> dict[str, Finding]:
    """The finding for each kind the claim is about."""
    with np.errstate(invalid="ignore"):  # never less never is not known
        return {
            name: _finding(claim, claim.difference(groups, kinds[natural]))
            for name, groups in kinds.items()
            if claim.of_natural or name != natural
        }


def overall(findings: Mapping[str, Finding]) -> Verdict:
    """The verdict over kinds."""
    verdicts = [finding.verdict for finding in findings.values()]
    if verdicts and all(verdict == "holds" for verdict in verdicts):
        return "holds"
    return "does not hold here" if "does not hold here" in verdicts else "undecided"


def _finding(claim: Claim, difference_R: Floats) -> Finding:
    above, below = (difference_R > 0).mean() >= SURE, (difference_R < 0).mean() >= SURE
    shown = above or (below and claim.two_sided)
    verdict: Verdict = "holds" if shown else "does not hold here" if below else "undecided"
    return Finding(*interval(difference_R, CONFIDENCE), verdict)
