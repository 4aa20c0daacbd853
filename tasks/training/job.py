"""What the process that computes weights is told; the whole of it is in one file."""

from pathlib import Path

from pydantic import Field

from tasks.core.event import Split
from tasks.core.variants import Section
from tasks.methods import AnyCoupling, AnyTerm
from tasks.methods.coupling import WeightedSum
from tasks.training.edit import Added
from tasks.training.loop import OptimiserConfig
from tasks.training.probes import Probes
from tasks.training.stop import AllSteps, AnyStop
from tasks.training.weights import AllWeights, AnyWeights

PROGRESS, ERROR, LOG = "progress.jsonl", "error.json", "worker.log"
"""In a job's folder: a report a line, the error it ended with, what it printed."""

STATE, BEST, ONCE = "state", "best.safetensors", "earlier.safetensors"
"""In a job's folder: where it was, the weights of the best step so far, and those to be kept of an
earlier one."""

SPENT, EARLIER = "training.json", "earlier"
"""Beside the weights: what they cost, and a folder with the model as it once was."""


class Part(Section):
    """One side of the objective: a term, the text it reads, and its weight."""

    term: AnyTerm
    splits: tuple[Split, ...]
    weight: float = Field(default=1.0, gt=0)


class Job(Section):
    """Start from a model folder, take so many steps, leave a model folder."""

    start: Path
    data: Path
    out: Path
    folder: Path
    """Progress and checkpoints; outlives a killed process."""
    parts: tuple[Part, ...]
    coupling: AnyCoupling = WeightedSum()
    weights: AnyWeights = AllWeights()
    added: Added | None = None
    """To what the change of the weights is added after the last step; None: they are the result."""
    earlier_step: int = Field(default=0, ge=0)
    """After which the model is kept as it was then; 0: after none."""
    context: int = Field(ge=2, description="read at once; fewer where the model's is less")
    optimiser: OptimiserConfig
    steps: int = Field(ge=1)
    stop: AnyStop = AllSteps()
    probes: Probes
    checkpoint_seconds: float

    @property
    def needs_reference(self) -> bool:
        """Whether a frozen copy of the start must be at hand."""
        return any(part.term.needs_reference for part in self.parts)
