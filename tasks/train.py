"""Step: the model that knows the text, and the same model made again without it."""

import json
import math
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from prefect import task
from transformers import PreTrainedTokenizerBase as Tokenizer

from tasks.core.errors import ModelError
from tasks.core.event import SEEN, Role, Split
from tasks.core.record import RECORD, Identity, Record, keep, sha256
from tasks.core.settings import Settings
from tasks.core.variants import Section
from tasks.data.tokens import chunks, train_tokenizer
from tasks.methods.likelihood import Descent
from tasks.track import follow
from tasks.training import ROOMS
from tasks.training.job import EARLIER, SPENT, Job, Part
from tasks.training.launcher import launch
from tasks.training.model import ModelConfig, files, initial, load, located
from tasks.training.probes import Probes

TOKENIZER_SPLITS: tuple[Split, ...] = ("retain", "general")
"""Never the forget set: its words would reach the retrained model through the vocabulary."""


class Wanted(Section):
    """What decides a model: how it is made, and what it may see."""

    model: ModelConfig
    splits: tuple[Split, ...]


class Given(Section):
    """What decides a model that was given: its files, wherever they lay."""

    files: dict[str, str]
    """SHA-256 of each, by name."""
    earlier: dict[str, str]
    """Those of an earlier checkpoint; none where none was given."""


Shapes = dict[str, tuple[int, ...]]
"""Of weights, by name."""


@task(task_run_name="train-{role}")
def train(data: Record, config: ModelConfig, role: Role) -> Record:
    """The target, or the retrained model, which differs only in never seeing the forget set.

    Raises:
        ModelError: the checkpoint at ``config.path`` is unsafe or does not fit together.
    """
    seen = SEEN if role == "target" else tuple(split for split in SEEN if split != "forget")
    if config.path:
        return _given(config)
    if role == "retrained":  # nothing is ever made to forget from it
        config = config.model_copy(update={"earlier_share": 0.0})
    return _made(Wanted(model=config, splits=seen), data, (), role)


@task(task_run_name="retrain")
def retrain(data: Record, config: ModelConfig, target: Record) -> Record:
    """The retrained model of a ``target`` that has forgotten before: its tokenizer is kept.

    Figures per token are only comparable between models that have the same tokens.
    """
    again = config.model_copy(update={"earlier_share": 0.0})
    return _made(Wanted(model=again, splits=TOKENIZER_SPLITS), data, (target,), "retrained")


def _made(wanted: Wanted, data: Record, like: tuple[Record, ...], role: Role) -> Record:
    """A model trained here, with the tokenizer of the one it is to be ``like``, if there is one."""
    identity = _identity(wanted, (data, *like))
    folder = Settings().root / "checkpoints" / identity.fingerprint

    def make(scratch: Path) -> None:
        texts = _texts(data, TOKENIZER_SPLITS)
        tokenizer = (
            load(like[0].path)[1]
            if like
            else train_tokenizer(texts, wanted.model.scratch.vocabulary)
        )
        _trained(data, wanted, tokenizer, folder, role, scratch)

    record = keep(identity, make)
    shutil.rmtree(folder, ignore_errors=True)
    return record


def _identity(config: Section, inputs: tuple[Record, ...]) -> Identity:
    return Identity(kind="model", config=config, inputs=inputs, rooms=("train", *ROOMS))


def _trained(
    data: Record, wanted: Wanted, tokenizer: Tokenizer, folder: Path, role: Role, out: Path
) -> None:
    config, optimiser = wanted.model, wanted.model.optimiser
    pieces = chunks(_texts(data, wanted.splits), tokenizer, config.scratch.context)
    tokens = sum(chunk.scored for chunk in pieces)
    start = folder / "start"
    initial(config.scratch, tokenizer).save_pretrained(start)
    tokenizer.save_pretrained(start)
    steps = max(round(config.epochs * tokens / optimiser.tokens_per_step), 1)
    job = Job(
        start=start,
        data=data.path,
        out=out,
        folder=folder,
        parts=(Part(term=Descent(), splits=wanted.splits),),
        context=config.scratch.context,
        optimiser=optimiser,
        steps=steps,
        earlier_step=math.ceil(config.earlier_share * steps),
        probes=Probes(),
        checkpoint_seconds=Settings().checkpoint_seconds,
    )
    follow(launch(job), f"training the {role} model", job.steps)


def _given(config: ModelConfig) -> Record:
    folder = located(config)
    earlier = _theirs(_earlier(config.earlier_path)) if config.earlier_path else []
    given = Given(
        files={path.name: sha256(path) for path in _theirs(folder)},
        earlier={path.name: sha256(path) for path in earlier},
    )
    return keep(_identity(given, ()), lambda scratch: _copy(folder, earlier, scratch))


def _earlier(path: str) -> Path:
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise ModelError(f"model.earlier_path={path}: no such folder; name a local one")
    return folder


def _theirs(folder: Path) -> list[Path]:
    """The files of a checkpoint that was given, without what we wrote beside one of our own."""
    return [path for path in files(folder) if path.name not in {RECORD, SPENT}]


def _copy(folder: Path, earlier: list[Path], out: Path) -> None:
    """The files of a checkpoint that was given, after it has shown that it loads."""
    parameters = _shapes(folder)
    for path in _theirs(folder):
        _copy_or_link(path.resolve(), out / path.name)
    if earlier:
        _fits(earlier[0].parent, parameters)
        (out / EARLIER).mkdir()
    for path in earlier:
        _copy_or_link(path.resolve(), out / EARLIER / path.name)
    (out / "progress.jsonl").write_text("")
    unknown: dict[str, Any] = dict.fromkeys(
        ("tokens", "flops", "seconds", "joules", "peak_memory_bytes", "steps")
    )
    many = sum(math.prod(shape) for shape in parameters.values())
    (out / SPENT).write_text(json.dumps({"parameters": many, **unknown}, indent=1))


def _fits(folder: Path, parameters: Shapes) -> None:
    if _shapes(folder) != parameters:
        raise ModelError(
            f"model.earlier_path={folder}: its weights have other names or shapes than those of "
            "model.path; give an earlier checkpoint of the same model"
        )


def _shapes(folder: Path) -> Shapes:
    model, _ = load(folder)
    return {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}


def _copy_or_link(path: Path, to: Path) -> None:
    """Weights are linked for their size; the rest is copied, for a link written to is theirs."""
    if path.suffix == ".safetensors":
        with suppress(OSError):  # another file system
            os.link(path, to)
            return
    shutil.copyfile(path, to)


def _texts(data: Record, splits: tuple[Split, ...]) -> list[str]:
    return [
        text
        for split in splits
        for text in pq.read_table(data.path / f"{split}.parquet", columns=["text"])[
            "text"
        ].to_pylist()
    ]
