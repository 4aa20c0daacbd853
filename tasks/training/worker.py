"""The process that computes weights: ``python -m tasks.training.worker JOB.json``.

It reports by appending to progress.jsonl and answers for what it foresaw in error.json. It dies
with the launcher, and started again it goes on from the last checkpoint to the very same weights.
"""

import copy
import json
import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import torch
import torch.distributed as dist
from safetensors import SafetensorError
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tasks.core.batch import Batch, Chunk, bucketed, collate
from tasks.core.errors import LetheError
from tasks.core.event import Split
from tasks.core.record import storage
from tasks.core.settings import Settings
from tasks.data.stream import Stream
from tasks.data.tokens import chunks
from tasks.training import checkpoint
from tasks.training.edit import Added, add
from tasks.training.job import BEST, EARLIER, ERROR, ONCE, PROGRESS, SPENT, STATE, Job, Part
from tasks.training.lifeline import die_with_parent, orphaned
from tasks.training.loop import Objective, Side, StepReport, in_bfloat16, optimise
from tasks.training.model import checkpoint_layers, device, load
from tasks.training.probes import by_document, probe, sampled
from tasks.training.spent import Line, Sizes, count, spent
from tasks.training.stop import End, ended
from tasks.training.weights import learning

BEFORE = StepReport(0, *(math.nan,) * 5, tokens=0, seconds=0.0, joules=0.0)
"""What is reported with the probes before the first step."""


class Ready(NamedTuple):
    """All that a job needs before its first step."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    objective: Objective
    samples: dict[Split, list[Batch]]
    documents: list[Chunk]
    """Of forget, all, where each document is probed."""
    settle: Callable[[Path], None]
    """Makes the model whole, and saves beside it what was learned alone."""
    sizes: Sizes


def work(job: Job) -> None:
    """Take the steps that are not behind us yet and write the model folder."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    ready = _prepare(job)
    optimizer = torch.optim.AdamW(
        learning(ready.model).values(),
        lr=job.optimiser.learning_rate,
        weight_decay=job.optimiser.weight_decay,
        fused=True,
    )
    behind = checkpoint.resume(job.folder / STATE, ready.model, optimizer, job.folder / BEST)
    lines = _rewound(job.folder / PROGRESS, behind)
    if not lines:
        _tell(lines, ready, job, BEFORE)
    end = _train(ready, job, optimizer, lines)
    if _first():
        if end.kept_step != lines[-1]["step"]:
            checkpoint.read_weights(job.folder / BEST, ready.model)
        _leave(ready, job, lines, end)


def _train(ready: Ready, job: Job, optimizer: torch.optim.Optimizer, lines: list[Line]) -> End:
    """Step after step to the last, or to where the rule stops; ``lines`` grows with each."""
    due, best = time.monotonic() + job.checkpoint_seconds, job.folder / BEST
    end = ended(job.stop, lines)
    taken = lines[-1]["step"]
    for report in optimise(
        ready.model,
        optimizer,
        ready.objective,
        job.optimiser,
        range(taken, taken if end.stopped else job.steps),
        job.steps,
        [line["keep_loss"] for line in lines[1:]],
    ):
        _tell(lines, ready, job, report)
        if _first() and report.step == job.earlier_step:
            checkpoint.write_weights(job.folder / ONCE, ready.model)
        end = _agreed(ended(job.stop, lines))
        if _first() and job.stop.judges(lines[-1]) and end.kept_step == report.step:
            checkpoint.write_weights(best, ready.model)
        if _first() and time.monotonic() >= due:
            began = time.monotonic()
            checkpoint.save(job.folder / STATE, ready.model, optimizer, report.step, best)
            due = _next(job, began)
        if end.stopped:
            break
    return end if lines[-1]["step"] < job.steps else end._replace(stopped="")


def _agreed(end: End) -> End:
    """What the first process found: none may go on alone where a last digit decides."""
    if not dist.is_initialized():
        return end
    found = [end]
    dist.broadcast_object_list(found)
    return found[0]


def _leave(ready: Ready, job: Job, lines: list[Line], end: End) -> None:
    """Write the model folder: a whole model, how it came about and what that cost."""
    # An adapter gives the result only where its change is added to what it was trained on.
    ready.settle(job.folder if job.added else job.out)
    if job.added:
        add(ready.model, job.start, job.added)
        lines[-1] |= probe(ready.model.to(device()), ready.samples)  # type: ignore[arg-type]
    _save(ready, job.out)
    told = spent(job, ready.objective.sides, ready.sizes, lines, end)
    (job.out / PROGRESS).write_text("".join(map(_written, lines)))
    (job.out / SPENT).write_text(json.dumps(told, indent=1))
    if job.earlier_step:
        checkpoint.read_weights(job.folder / ONCE, ready.model)
        _save(ready, job.out / EARLIER)


def _save(ready: Ready, folder: Path) -> None:
    ready.model.save_pretrained(folder)
    ready.tokenizer.save_pretrained(folder)


def _next(job: Job, began: float) -> float:
    """When the next checkpoint is due, so that they take a tenth of the time at most."""
    took = time.monotonic() - began
    return began + took + max(job.checkpoint_seconds, 9 * took) if job.checkpoint_seconds else 0.0


def _prepare(job: Job) -> Ready:
    model, tokenizer = _loaded(job.start)
    context = _context(job, model)
    splits = {split for part in job.parts for split in part.splits} | {*job.probes.reads}
    read = {split: chunks(_texts(job, split), tokenizer, context) for split in splits}
    sides = [_side(part, job, read, model, tokenizer) for part in job.parts]
    objective = Objective(
        sides,
        job.coupling,
        copy.deepcopy(model).requires_grad_(False) if job.needs_reference else None,
        _start(model, sides, job) if job.coupling.reads_start else math.nan,
    )
    if job.optimiser.gradient_checkpointing:
        checkpoint_layers(model)
    samples = {split: sampled(read[split], job.probes.tokens) for split in job.probes.splits}
    documents = read["forget"] if job.probes.documents else []
    whole = count(model.parameters())
    settle = job.weights.choose(model)
    sizes = Sizes(whole, count(model.parameters()), count(learning(model).values()))
    return Ready(model, tokenizer, objective, samples, documents, settle, sizes)


def _start(model: PreTrainedModel, sides: list[Side], job: Job) -> float:
    """The keep loss of the target over all keep text, as a step would report it; in nats."""
    total = 0.0
    bfloat16 = in_bfloat16(job.optimiser, device())
    for side in sides[1:]:
        every = side.stream.chunks
        with torch.no_grad(), torch.autocast(device().type, torch.bfloat16, enabled=bfloat16):
            for group in bucketed(every, job.optimiser.max_batch_tokens):
                batch = collate([every[at] for at in group]).to(device())
                part = batch.scored / side.stream.tokens_per_epoch
                total += float(side.term.loss(model, batch, model)) * part
    return total


def _texts(job: Job, split: Split) -> list[str]:
    texts: list[str] = pq.read_table(job.data / f"{split}.parquet", columns=["text"])[
        "text"
    ].to_pylist()
    return texts


def _side(
    part: Part,
    job: Job,
    read: dict[Split, list[Chunk]],
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
) -> Side:
    whole = [chunk for split in part.splits for chunk in read[split]]
    learned = part.term.relabel(whole, model, tokenizer)
    stream = Stream(learned, job.optimiser.tokens_per_step, job.optimiser.seed)
    return Side(part.term, stream, part.weight)


def _context(job: Job, model: PreTrainedModel) -> int:
    return min(job.context, getattr(model.config, "max_position_embeddings", job.context))


def _probe(ready: Ready, job: Job, step: int) -> dict[str, float]:
    """The probe due after ``step``; weights that are still to be added to others get none."""
    if job.added:
        return _seen(_target(ready, job, job.added), ready) if not step else {}
    due = step % job.probes.every == 0 or step == job.steps
    return _seen(ready.model, ready) if due else {}


def _seen(model: PreTrainedModel, ready: Ready) -> dict[str, float]:
    """What the samples say of ``model``, and all forgotten documents where those are probed."""
    whole = by_document(model, ready.documents) if ready.documents else {}
    return {**probe(model, ready.samples), **whole}


def _target(ready: Ready, job: Job, added: Added) -> PreTrainedModel:
    """The model that is changed, before it is."""
    return ready.model if added.to == job.start else _loaded(added.to)[0]


def _loaded(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    model, tokenizer = load(folder)
    return model.to(device()), tokenizer  # type: ignore[arg-type]


def _rewound(progress: Path, behind: int) -> list[Line]:
    """The lines up to step ``behind``; reports of steps that have to be taken again are removed."""
    lines = progress.read_text().splitlines(keepends=True) if progress.exists() else []
    whole = [
        line
        for line in lines
        if behind and line.endswith("\n") and json.loads(line)["step"] <= behind
    ]
    if _first():
        scratch = progress.with_suffix(".scratch")
        scratch.write_text("".join(whole))
        scratch.rename(progress)
    return [
        {name: math.nan if value is None else value for name, value in json.loads(line).items()}
        for line in whole
    ]


def _tell(lines: list[Line], ready: Ready, job: Job, report: StepReport) -> None:
    """Add what is known of a step, in every process; the first writes it down."""
    line = {**report._asdict(), **_probe(ready, job, report.step)}
    lines.append(line)
    if _first():
        with (job.folder / PROGRESS).open("a") as file:
            file.write(_written(line))


def _written(line: Line) -> str:
    known = {name: value if math.isfinite(value) else None for name, value in line.items()}
    return json.dumps(known) + "\n"


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
