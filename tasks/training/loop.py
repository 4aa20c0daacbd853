"""The training loop: a generator that changes the model and tells what it did.

One loop serves both training from scratch (one side: descent on everything that may be seen) and
unlearning (a forget side and a keep side). A loss is a mean over all scored tokens of a step, not a
mean of means: micro-batches and processes only divide the work.
"""

import math
import time
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import torch
import torch.distributed as dist
from pydantic import Field
from torch import Tensor, nn

from tasks.core.batch import Batch, bucketed, collate
from tasks.core.errors import ConfigError, DivergedError
from tasks.core.variants import Section
from tasks.data.stream import Stream
from tasks.methods.coupling import Coupling, Pulls, WeightedSum
from tasks.methods.term import Term
from tasks.training.meter import Energy


class OptimiserConfig(Section):
    """How far and how fast."""

    learning_rate: float = Field(default=1e-3, gt=0, le=1, description="peak, of AdamW")
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_steps: int = Field(default=0, ge=0, description="optimiser steps; the first is not 0")
    weight_decay: float = Field(default=0.0, ge=0, le=1)
    max_grad_norm: float = Field(default=1.0, gt=0)
    tokens_per_step: int = Field(
        default=4096, ge=1, le=2**24, description="scored tokens per optimiser step, of each side"
    )
    max_batch_tokens: int = Field(
        default=2048,
        ge=1,
        le=2**24,
        description="tokens in memory at once, padding included; small fits a CPU's cache",
    )
    gradient_checkpointing: bool = Field(
        default=False,
        description="compute each layer again on the way back, which takes a third more work, "
        "instead of keeping what is inside it",
    )
    seed: int = Field(default=0, ge=0, description="of the order of the documents")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="of matrix products; auto: bfloat16 where the hardware has it"
    )


class Side(NamedTuple):
    """One term, the text it reads, and its weight in the loss."""

    term: Term
    stream: Stream
    weight: float


class Objective(NamedTuple):
    """Everything that is minimised. The first side forgets (or, from scratch, learns)."""

    sides: Sequence[Side]
    coupling: Coupling = WeightedSum()
    reference: nn.Module | None = None
    start: float = math.nan
    """Keep loss before the first step, in nats, for a coupling that reads it."""


class StepReport(NamedTuple):
    """What one optimiser step did; NaN where a side is absent."""

    step: int
    loss: float
    forget_loss: float
    keep_loss: float
    grad_norm: float
    learning_rate: float
    tokens: int
    seconds: float
    joules: float


def optimise(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    objective: Objective,
    config: OptimiserConfig,
    steps: range,
    total_steps: int,
    behind: Sequence[float] = (),
) -> Iterator[StepReport]:
    """Update ``model`` in place, one report per step of ``steps`` (numbered from 0).

    ``behind`` are the keep losses of the steps before these.

    Raises:
        ConfigError: a term does not depend on any weight that learns.
        DivergedError: the loss is not finite. The weights of the failing step are not applied.
    """
    kept = list(behind)
    device = next(model.parameters()).device
    energy = Energy(device)
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=in_bfloat16(config, device))
    for step in steps:
        began = time.monotonic()
        energy.lap()
        learning_rate = config.learning_rate * pace(config, step, total_steps)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate
        with autocast:
            losses, factors = _pull(model, objective, step, config, kept)
        loss = sum(factor * value for factor, value in zip(factors, losses, strict=True))
        if not math.isfinite(loss):
            raise DivergedError.at(step + 1, loss)
        grad_norm = float(nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm))
        if not math.isfinite(grad_norm):
            raise DivergedError.at(step + 1, grad_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        kept.append(sum(losses[1:]) if len(losses) > 1 else math.nan)
        yield StepReport(
            step=step + 1,
            loss=loss,
            forget_loss=losses[0],
            keep_loss=kept[-1],
            grad_norm=grad_norm,
            learning_rate=learning_rate,
            tokens=sum(side.stream.tokens_per_step for side in objective.sides),
            seconds=time.monotonic() - began,
            joules=energy.lap(),
        )


def pace(config: OptimiserConfig, step: int, total_steps: int) -> float:
    """The share of the peak learning rate at ``step``, in (0, 1]."""
    if step < config.warmup_steps:
        return (step + 1) / (config.warmup_steps + 1)
    if config.schedule == "constant":
        return 1.0
    done = (step - config.warmup_steps) / max(total_steps - config.warmup_steps, 1)
    return max(0.5 * (1 + math.cos(math.pi * done)), 0.01)


def in_bfloat16(config: OptimiserConfig, device: torch.device) -> bool:
    """Whether matrix products run in bfloat16 on ``device``; weights stay as they are."""
    if config.precision == "auto":
        if device.type == "cuda":
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
        return bool(torch.cpu._is_avx512_bf16_supported())
    return config.precision == "bfloat16"


def _pull(
    model: nn.Module,
    objective: Objective,
    step: int,
    config: OptimiserConfig,
    kept: Sequence[float],
) -> tuple[list[float], list[float]]:
    """Leave the joint gradient on ``model``; the loss of each side, and its factor in the sum."""
    sides, coupling = objective.sides, objective.coupling
    weights = [side.weight for side in sides]
    reference = objective.reference
    if not coupling.by_norm:
        factors = coupling.factors(Pulls(weights, (), kept, objective.start))
        losses = [
            _accumulate(model, side, factor, step, config, reference)
            for side, factor in zip(sides, factors, strict=True)
        ]
        _add_over_processes(model)
        return losses, factors
    losses, gradients = [], []
    for side in sides:
        losses.append(_accumulate(model, side, 1.0, step, config, reference))
        _add_over_processes(model)
        gradients.append(_taken(model))
    norms = [float(nn.utils.get_total_norm(side.values())) for side in gradients]
    factors = coupling.factors(Pulls(weights, norms, kept, objective.start))
    for name, parameter in model.named_parameters():
        pulls = [
            factor * side[name]
            for factor, side in zip(factors, gradients, strict=True)
            if name in side
        ]
        parameter.grad = sum(pulls[1:], pulls[0]) if pulls else None
    return losses, factors


def _taken(model: nn.Module) -> dict[str, Tensor]:
    """The gradient by parameter, taken off the model."""
    taken = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad(set_to_none=True)
    return taken


def _accumulate(
    model: nn.Module,
    side: Side,
    factor: float,
    step: int,
    config: OptimiserConfig,
    reference: nn.Module | None,
) -> float:
    """Add the side's gradient, ``factor`` times; returns its own loss over the step, in nats."""
    device = next(model.parameters()).device
    total = torch.zeros((), device=device)
    for batch in _share(side.stream, step, config.max_batch_tokens):
        part = batch.scored / side.stream.tokens_per_step
        loss: Tensor = side.term.loss(model, batch.to(device), reference) * part
        if not loss.requires_grad:
            raise ConfigError(
                f"{side.term.name} reads no layer that a weight which learns could change: choose "
                "others by unlearn.method.weights, or a deeper layer"
            )
        (factor * loss).backward()
        total += loss.detach()
    if dist.is_initialized():
        dist.all_reduce(total)
    return float(total)


def _share(stream: Stream, step: int, max_tokens: int) -> list[Batch]:
    """The micro-batches of a step that fall to this process."""
    chunks = stream.step(step)
    batches = [collate([chunks[at] for at in group]) for group in bucketed(chunks, max_tokens)]
    return batches[dist.get_rank() :: dist.get_world_size()] if dist.is_initialized() else batches


def _add_over_processes(model: nn.Module) -> None:
    if dist.is_initialized():
        for parameter in filter(lambda one: one.requires_grad, model.parameters()):
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            dist.all_reduce(parameter.grad)
