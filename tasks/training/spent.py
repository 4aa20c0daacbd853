"""What weights cost to compute: training.json."""

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch

from tasks.training.job import SPENT, Job
from tasks.training.loop import Side, in_bfloat16
from tasks.training.meter import peak_memory_bytes
from tasks.training.model import device
from tasks.training.stop import End

Line = dict[str, Any]
"""What progress.jsonl says of a step, as numbers: its report, and its probe where there was one."""


class Sizes(NamedTuple):
    """How many weights."""

    whole: int
    """Of the model."""
    running: int
    """While it is trained: those of an adapter too."""
    learning: int


def count(parameters: Iterable[torch.nn.Parameter]) -> int:
    """How many weights there are."""
    return sum(parameter.numel() for parameter in parameters)


def spent(
    job: Job, sides: Sequence[Side], sizes: Sizes, lines: Sequence[Line], end: End
) -> dict[str, Any]:
    """What training.json says of a job that has taken the steps of ``lines``.

    FLOPs are 2 a weight and token read, 2 more to lead the gradient back through it, at most all
    the way, and 2 a weight that learns: 6 where all do. Probes are measurement and not counted.
    Steps after the kept one were paid for and are, and so is what the changes of others cost.
    """
    steps = lines[-1]["step"]
    before = _of_others(job)
    step_flops = 4 * sizes.running + 2 * sizes.learning
    flops = step_flops * sum(map(_tokens, sides)) * steps + 2 * sizes.whole * _read(
        job, sides, steps
    )
    return {
        "parameters": sizes.whole,
        "learning": sizes.learning,
        "tokens": sum(told["tokens"] for told in [*lines, *before]),
        "flops": flops + sum(told["flops"] for told in before),
        "seconds": sum(told["seconds"] for told in [*lines, *before]),
        "joules": _known(sum(told["joules"] for told in [*lines, *before])),
        "peak_memory_bytes": _known(
            max([peak_memory_bytes(device()), *(told["peak_memory_bytes"] for told in before)])
        ),
        "steps": steps,
        "kept_step": end.kept_step,
        "stopped": end.stopped,
        "precision": "bfloat16" if in_bfloat16(job.optimiser, device()) else "float32",
        "device": device().type,
    }


def _tokens(side: Side) -> int:
    """Read in a step: those that are scored, and those read beside them to compare with."""
    return round(side.stream.tokens_per_step * side.stream.read_per_scored)


def _read(job: Job, sides: Sequence[Side], steps: int) -> int:
    """Tokens that no gradient is led back from."""
    read = sum(steps * _tokens(side) for side in sides if side.term.needs_reference)
    read += sum(side.stream.tokens_per_epoch for side in sides if side.term.reads_target)
    if job.coupling.reads_start:
        read += sum(side.stream.tokens_per_epoch for side in sides[1:])
    return read


def _of_others(job: Job) -> list[dict[str, Any]]:
    """What other jobs spent, NaN where they do not know."""
    others = job.added.others if job.added else ()
    told = [json.loads((other.folder / SPENT).read_text()) for other in others]
    return [{name: math.nan if one[name] is None else one[name] for name in one} for one in told]


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
