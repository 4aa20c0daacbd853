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
from tasks.core.errors import DivergedError
from tasks.core.variants import Section
from tasks.data.stream import Stream
from tasks.methods.term import Term


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
    seed: int = Field(default=0, ge=0, description="of the order of the documents")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="of matrix products; auto: bfloat16 where the hardware has it"
    )


class Side(NamedTuple):
    """One term, the text it reads, and its weight in the loss."""

    term: Term
    stream: Stream
    weight: float


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


def optimise(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    sides: Sequence[Side],
    config: OptimiserConfig,
    steps: range,
    total_steps: int,
    reference: nn.Module | None = None,
) -> Iterator[StepReport]:
    """Update ``model`` in place, one report per step of ``steps`` (numbered from 0).

    The first side is the one that forgets (or, from scratch, learns); the rest keep.

    Raises:
        DivergedError: the loss is not finite. The weights of the failing step are not applied.
    """
    device = next(model.parameters()).device
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=in_bfloat16(config, device))
    for step in steps:
        began = time.monotonic()
        learning_rate = config.learning_rate * pace(config, step, total_steps)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate
        with autocast:
            losses = [_accumulate(model, side, step, config, device, reference) for side in sides]
        loss = sum(side.weight * value for side, value in zip(sides, losses, strict=True))
        if not math.isfinite(loss):
            raise DivergedError.at(step + 1, loss)
        _add_over_processes(model)
        grad_norm = float(nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm))
        if not math.isfinite(grad_norm):
            raise DivergedError.at(step + 1, grad_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        yield StepReport(
            step=step + 1,
            loss=loss,
            forget_loss=losses[0],
            keep_loss=sum(losses[1:]) if len(losses) > 1 else math.nan,
            grad_norm=grad_norm,
            learning_rate=learning_rate,
            tokens=sum(side.stream.tokens_per_step for side in sides),
            seconds=time.monotonic() - began,
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


def _accumulate(
    model: nn.Module,
    side: Side,
    step: int,
    config: OptimiserConfig,
    device: torch.device,
    reference: nn.Module | None,
) -> float:
    """Add the side's gradient; returns its unweighted loss over the whole step, in nats."""
    total = torch.zeros((), device=device)
    for batch in _share(side.stream, step, config.max_batch_tokens):
        part = batch.scored / side.stream.tokens_per_step
        loss: Tensor = side.term.loss(model, batch.to(device), reference) * part
        (side.weight * loss).backward()
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
        for parameter in model.parameters():
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            dist.all_reduce(parameter.grad)
