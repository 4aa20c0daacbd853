"""What the process that computes weights is told; the whole of it is in one file."""

from pathlib import Path

from pydantic import Field

from tasks.core.event import Split
from tasks.core.variants import Section
from tasks.methods import AnyTerm
from tasks.training.loop import OptimiserConfig

PROGRESS, ERROR, LOG, STATE = "progress.jsonl", "error.json", "worker.log", "state"
"""In a job's folder: a report a line, the error it ended with, what it printed, where it was."""

SPENT = "training.json"
"""Beside the weights: what they cost."""


class Part(Section):
    """One side of the objective: a term, the text it reads, and its weight."""

    term: AnyTerm
    splits: tuple[Split, ...]
    weight: float = Field(default=1.0, gt=0)


class Probes(Section):
    """What is measured before, on the way and after, on fixed samples; not part of the cost."""

    splits: tuple[Split, ...] = ()
    tokens: int = Field(default=4096, ge=1, description="read of each split")
    every: int = Field(default=1, ge=1, description="optimiser steps")


class Job(Section):
    """Start from a model folder, take so many steps, leave a model folder."""

    start: Path
    data: Path
    out: Path
    folder: Path
    """Progress and checkpoints; outlives a killed process."""
    parts: tuple[Part, ...]
    context: int = Field(ge=2, description="read at once; fewer where the model's is less")
    optimiser: OptimiserConfig
    steps: int = Field(ge=1)
    probes: Probes
    checkpoint_seconds: float
