"""When forgetting has gone far enough, and which of its steps is kept.

Judged at every probe, against the target as it was before the first step: a retrained model is not
known while a model forgets. Text just like the forgotten one that nobody ever saw, the approximate
split, stands in for it (arXiv:2402.15159).
"""

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field

from tasks.core.event import Split
from tasks.core.variants import Variant

Told = Mapping[str, float]
"""What is known after a step: ``step``, and what a probe said by name where there was one."""


class Stop(Variant):
    """A rule, and which step it keeps; by itself, the last of all."""

    reads: ClassVar[frozenset[Split]] = frozenset()
    """Splits that must be probed; a step is judged where they were."""

    def judges(self, now: Told) -> bool:
        """Whether a step was probed for what the rule reads."""
        return bool(self.reads) and all(f"{split}_nll" in now for split in self.reads)

    def reason(self, now: Told, before: Told) -> str:
        """Why to stop at a step that is judged; empty to go on."""
        return ""

    def excess(self, now: Told, before: Told) -> float:
        """How far a step that is judged is from what the gate asks; the least is kept."""
        return 0.0


class AllSteps(Stop):
    """Take every step and keep the last."""

    name: Literal["all_steps"] = "all_steps"


class Early(Stop):
    """Stop where forgetting costs too much; keep the step nearest to what the gate asks."""

    reads: ClassVar[frozenset[Split]] = frozenset({"forget", "retain", "approximate"})
    forget_factor: float = Field(
        default=1.5, gt=1, le=10, description="of perplexity, to weigh a step by; give the gate's"
    )
    utility_factor: float = Field(
        default=1.2, gt=1, le=10, description="of perplexity, to weigh a step by; give the gate's"
    )
    retain_factor: float = Field(
        default=2.0, gt=1, le=1000, description="retain perplexity over the target's to stop at"
    )
    due_step: int = Field(default=1, ge=1, description="by which some of the way must be behind")
    due_share: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="of the way to the loss on approximate text, to be behind by then; 0: none",
    )

    def reason(self, now: Told, before: Told) -> str:
        if not now["retain_nll"] - before["retain_nll"] < math.log(self.retain_factor):
            return "retain"
        return self.reached(now, before) or ("slow" if self._late(now, before) else "")

    def _late(self, now: Told, before: Told) -> bool:
        """Whether too little is forgotten for the steps taken; never where nothing is due."""
        behind = now["forget_nll"] - before["forget_nll"]
        due = self.due_share * (before["approximate_nll"] - before["forget_nll"])
        return self.due_share > 0 and now["step"] >= self.due_step and not behind >= due

    @abstractmethod
    def reached(self, now: Told, before: Told) -> str:
        """The rule's own reason; empty to go on."""

    def excess(self, now: Told, before: Told) -> float:
        """The worse of two allowances spent, as shares: 1 is the gate's bound.

        Forgetting is two-sided: the loss on forget text is held against the target's on approximate
        text. Utility is one-sided: the rise of the loss on retain text.
        """
        forgetting = abs(now["forget_nll"] - before["approximate_nll"])
        utility = now["retain_nll"] - before["retain_nll"]
        spent = (forgetting / math.log(self.forget_factor), utility / math.log(self.utility_factor))
        return max(spent) if all(map(math.isfinite, spent)) else math.inf


class Alike(Early):
    """Stop where forget text is no likelier than approximate text, window against window."""

    name: Literal["alike"] = "alike"
    margin: float = Field(
        default=0.05, ge=0, lt=0.5, description="of the AUC above 0.5 that is near enough"
    )

    def reached(self, now: Told, before: Told) -> str:
        return "alike" if now["forget_auc"] <= 0.5 + self.margin else ""


class Gap(Early):
    """Stop where the true token leads on forget text by no more than on approximate text.

    The logit-margin rule of MASC, arXiv:2606.02920, as a mean over a sample instead of a share of
    positions: ours.
    """

    name: Literal["gap"] = "gap"

    def reached(self, now: Told, before: Told) -> str:
        return "gap" if now["forget_gap"] <= before["approximate_gap"] else ""


class End(NamedTuple):
    """Where a way ends."""

    stopped: str
    """Why no further step is taken; empty to go on."""

    kept_step: int
    """Whose weights are kept."""


def ended(stop: Stop, way: Sequence[Told]) -> End:
    """What to do after the last step of ``way``, which begins before the first one."""
    before, last = way[0], way[-1]
    judged = [told for told in way[1:] if stop.judges(told)] if stop.reads else []
    if not judged:
        return End("", int(last["step"]))
    best = min(judged, key=lambda told: stop.excess(told, before))
    return End(stop.reason(last, before) if judged[-1] is last else "", int(best["step"]))


AnyStop = Annotated[AllSteps | Alike | Gap, Field(discriminator="name")]
