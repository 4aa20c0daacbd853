"""The process that computes weights: ``python -m tasks.training.worker JOB.json``, under torchrun.

It reports by appending to progress.jsonl and answers for what it foresaw in error.json. It dies
with the launcher, and started again it goes on from the last checkpoint to the very same weights.
"""

import copy
import json
import math
import os
import re
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import torch
import torch.distributed as dist
from safetensors import SafetensorError
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tasks.core.batch import Batch, Chunk, bucketed, collate
from tasks.core.errors import LetheError
from tasks.core.event import Split
from tasks.core.logprobs import mean_nll, next_logits
from tasks.core.record import storage
from tasks.core.settings import Settings
from tasks.data.stream import Stream
from tasks.data.tokens import chunks
from tasks.training import checkpoint
from tasks.training.job import ERROR, PROGRESS, SPENT, STATE, Job, Part
from tasks.training.lifeline import die_with_parent, orphaned
from tasks.training.loop import Side, StepReport, in_bfloat16, optimise
from tasks.training.model import device, load

BEFORE = StepReport(0, *(math.nan,) * 5, tokens=0, seconds=0.0)
"""What is reported with the probes before the first step."""


class Ready(NamedTuple):
    """All that a job needs before its first step."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    reference: PreTrainedModel | None
    sides: list[Side]
    probes: dict[Split, list[Batch]]


def work(job: Job) -> None:
    """Take the steps that are not behind us yet and write the model folder."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    ready = _prepare(job)
    optimizer = torch.optim.AdamW(
        ready.model.parameters(),
        lr=job.optimiser.learning_rate,
        weight_decay=job.optimiser.weight_decay,
        fused=True,
    )
    behind = checkpoint.resume(job.folder / STATE, ready.model, optimizer)
    if _first():
        _rewind(job.folder / PROGRESS, behind)
        if not behind and ready.probes:
            _append(job.folder / PROGRESS, {**BEFORE._asdict(), **_probe(ready, job, 0)})
    steps = range(behind, job.steps)
    due = time.monotonic() + job.checkpoint_seconds
    for report in optimise(
        ready.model, optimizer, ready.sides, job.optimiser, steps, job.steps, ready.reference
    ):
        if _first():
            _append(job.folder / PROGRESS, {**report._asdict(), **_probe(ready, job, report.step)})
        if _first() and time.monotonic() >= due:
            began = time.monotonic()
            checkpoint.save(job.folder / STATE, ready.model, optimizer, report.step)
            due = _next(job, began)
    if _first():
        ready.model.save_pretrained(job.out)
        ready.tokenizer.save_pretrained(job.out)
        (job.out / PROGRESS).write_text((job.folder / PROGRESS).read_text())
        (job.out / SPENT).write_text(json.dumps(_spent(job, ready), indent=1))


def _next(job: Job, began: float) -> float:
    """When the next checkpoint is due, so that they take a tenth of the time at most."""
    took = time.monotonic() - began
    return began + took + max(job.checkpoint_seconds, 9 * took) if job.checkpoint_seconds else 0.0


def _prepare(job: Job) -> Ready:
    model, tokenizer = load(job.start)
    model = model.to(device())  # type: ignore[arg-type]
    context = _context(job, model)
    splits = {split for part in job.parts for split in part.splits} | {*job.probes.splits}
    read = {split: chunks(_texts(job, split), tokenizer, context) for split in splits}
    needs_reference = any(part.term.needs_reference for part in job.parts)
    return Ready(
        model,
        tokenizer,
        copy.deepcopy(model).requires_grad_(False) if needs_reference else None,
        [_side(part, job, read, model) for part in job.parts],
        {split: _sample(read[split], job.probes.tokens) for split in job.probes.splits},
    )


def _texts(job: Job, split: Split) -> list[str]:
    texts: list[str] = pq.read_table(job.data / f"{split}.parquet", columns=["text"])[
        "text"
    ].to_pylist()
    return texts


def _side(part: Part, job: Job, read: dict[Split, list[Chunk]], model: PreTrainedModel) -> Side:
    whole = [chunk for split in part.splits for chunk in read[split]]
    learned = part.term.relabel(whole, model)
    stream = Stream(learned, job.optimiser.tokens_per_step, job.optimiser.seed)
    return Side(part.term, stream, part.weight)


def _context(job: Job, model: PreTrainedModel) -> int:
    return min(job.context, getattr(model.config, "max_position_embeddings", job.context))


def _sample(whole: list[Chunk], tokens: int) -> list[Batch]:
    """A fixed sample of about ``tokens`` scored tokens, as batches of like length."""
    drawn = Stream(whole, min(tokens, sum(chunk.scored for chunk in whole)), seed=0).step(0)
    return [collate([drawn[at] for at in group]) for group in bucketed(drawn, tokens)]


@torch.no_grad()
def _probe(ready: Ready, job: Job, step: int) -> dict[str, float]:
    """Mean loss on the sample of each probed split after ``step``, in nats per token."""
    if not ready.probes or (step % job.probes.every and step != job.steps):
        return {}
    return {f"{split}_nll": _mean(ready.model, batches) for split, batches in ready.probes.items()}


def _mean(model: PreTrainedModel, batches: list[Batch]) -> float:
    total = 0.0
    for batch in batches:
        on = batch.to(device())
        total += float(mean_nll(next_logits(model, on), on.labels_BT)) * batch.scored
    return total / sum(batch.scored for batch in batches)


def _spent(job: Job, ready: Ready) -> dict[str, Any]:
    """What training.json says; FLOPs are 6 a weight and token trained on, 2 a token only read.

    Probes are measurement and not counted.
    """
    reports = [json.loads(line) for line in (job.folder / PROGRESS).read_text().splitlines()]
    parameters = sum(parameter.numel() for parameter in ready.model.parameters())
    tokens = sum(report["tokens"] for report in reports)
    read = sum(
        job.steps * side.stream.tokens_per_step for side in ready.sides if side.term.needs_reference
    ) + sum(side.stream.tokens_per_epoch for side in ready.sides if side.term.reads_target)
    return {
        "parameters": parameters,
        "tokens": tokens,
        "flops": parameters * (6 * tokens + 2 * read),
        "seconds": sum(report["seconds"] for report in reports),
        "peak_memory_bytes": _peak_memory_bytes(),
        "steps": job.steps,
        "precision": "bfloat16" if in_bfloat16(job.optimiser, device()) else "float32",
        "device": device().type,
    }


def _peak_memory_bytes() -> int:
    if device().type == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _rewind(progress: Path, behind: int) -> None:
    """Forget reports of steps that have to be taken again."""
    lines = progress.read_text().splitlines(keepends=True) if progress.exists() else []
    whole = [
        line
        for line in lines
        if behind and line.endswith("\n") and json.loads(line)["step"] <= behind
    ]
    scratch = progress.with_suffix(".scratch")
    scratch.write_text("".join(whole))
    scratch.rename(progress)


def _append(progress: Path, report: dict[str, Any]) -> None:
    known = {name: value if math.isfinite(value) else None for name, value in report.items()}
    with progress.open("a") as file:
        file.write(json.dumps(known) + "\n")


def _first() -> bool:
    return not dist.is_initialized() or dist.get_rank() == 0


@contextmanager
def _together() -> Iterator[None]:
    """Join the other processes of the job, if there are any."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    cuda = Settings().device != "cpu" and torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """Faults of the disk by their own name, also where safetensors wraps them in its own.

    Raises:
        StorageError: the disk is full or may not be written.
    """
    with storage(folder):
        try:
            yield
        except SafetensorError as error:
            if number := re.search(r"os error (\d+)", str(error)):
                raise OSError(int(number[1]), str(error)) from error
            raise


def main(path: str) -> int:
    """Do the job in ``path``; 2 where it ended with an error it foresaw."""
    die_with_parent()
    if orphaned():
        return 1
    job = Job.model_validate_json(Path(path).read_text())
    try:
        with _disk(job.folder), _together():
            work(job)
    except LetheError as error:
        answer = {"error": type(error).__name__, "message": str(error)}
        scratch = job.folder / f"{ERROR}.{os.getpid()}"
        scratch.write_text(json.dumps(answer))
        scratch.rename(job.folder / ERROR)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
