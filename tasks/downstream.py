"""Step: is the model still of use for what it was made for?"""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq
from prefect import task
from pydantic import Field

from tasks.core.errors import ConfigError, DataError
from tasks.core.event import Role
from tasks.core.record import Identity, Record, digests, keep
from tasks.core.variants import Section
from tasks.metrics import scores
from tasks.metrics.answers import Answers, usefulness
from tasks.metrics.cloze import Item, cloze
from tasks.metrics.harness import CLOZE, Questions, asked, installed
from tasks.metrics.statistics import Sampled
from tasks.pages.downstream import markdown
from tasks.training.model import device, load

ROOMS = ("downstream", "metrics", "training/model")
LEAST_ITEMS = 20


class Questioned(Section):
    """What is asked, and how the model is run."""

    tasks: tuple[str, ...] = Field(
        default=(CLOZE,),
        min_length=1,
        description="by the harness's names, e.g. mmlu, arc_challenge, gsm8k, humaneval; cloze is "
        "made from the test split: the last word of a sentence, among four",
    )
    folder: str = Field(
        default="", description="of tasks of your own, as YAML of the harness; empty: none"
    )
    max_items: int = Field(
        default=2000, ge=2, le=10**6, description="of each task, the first; of a group, of each"
    )
    batch_size: int = Field(default=16, ge=1, le=4096, description="texts read at once")
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="of matrix products"
    )
    runs_code: bool = Field(
        default=False,
        description="let tasks such as humaneval run, on this machine, the code a model wrote",
    )


class DownstreamConfig(Questioned, Sampled):
    """Which tasks models are given, and how sure their figures are to be."""


class Asked(Section):
    """What decides the answers of a model."""

    questions: Questioned
    files: dict[str, str]
    """SHA-256 of the user's own tasks."""
    harness: str


@task
def downstream(model: Record, data: Record, config: DownstreamConfig) -> Record:
    """What ``model`` answers, right or wrong, item by item; no text.

    Raises:
        ConfigError: the harness is not installed, a task is not known or may not be run.
        DataError: the questions of a task are not to be had, or are too few.
    """
    installed()
    questions = Questioned(**config.model_dump(include={*Questioned.model_fields}))
    decided = Asked(questions=questions, files=_own(questions.folder), harness=version("lm_eval"))
    identity = Identity(kind="answers", config=decided, inputs=(model, data), rooms=ROOMS)
    return keep(identity, lambda scratch: _answered(model, data, questions, scratch))


@task
def contrast(answers: Mapping[Role, Record], config: DownstreamConfig) -> Record:
    """Every task for the models side by side, and what unlearning changed, paired by item."""
    identity = Identity(
        kind="downstream", config=config, inputs=tuple(answers.values()), rooms=ROOMS
    )

    def make(scratch: Path) -> None:
        told = {role: _read(record) for role, record in answers.items()}
        rows = [one.row() for one in usefulness(told, config.sampling)]
        scores.write(rows, scratch / "downstream.json")
        (scratch / "table.md").write_text(markdown(rows))

    return keep(identity, make)


def _answered(model: Record, data: Record, config: Questioned, out: Path) -> None:
    network, tokenizer = load(model.path)
    network.to(device())  # type: ignore[arg-type]  # transformers wraps nn.Module.to untyped
    questions = Questions(
        tasks=config.tasks,
        folder=config.folder,
        max_items=config.max_items,
        batch_size=config.batch_size,
        bfloat16=config.precision == "bfloat16",
        runs_code=config.runs_code,
    )
    items = _items(data, config.max_items) if CLOZE in config.tasks else []
    answers = asked(network, tokenizer, questions, items)
    if not answers:
        raise ConfigError(
            f"downstream.tasks={','.join(config.tasks)}: no metric of theirs has a number for "
            "each item: name others"
        )
    scores.write([one._asdict() for one in answers], out / "answers.json")


def _items(data: Record, most: int) -> list[Item]:
    table = pq.read_table(data.path / "test.parquet", columns=["doc_id", "text"])
    texts = dict(zip(*(table[name].to_pylist() for name in ("doc_id", "text")), strict=True))
    items = cloze(texts, most, seed=0)
    if len(items) < LEAST_ITEMS:
        raise DataError(
            f"downstream.tasks=cloze: the test split has {len(items)} sentences to complete, "
            f"{LEAST_ITEMS} are needed: raise splits.test_tokens, or leave it out"
        )
    return items


def _own(folder: str) -> dict[str, str]:
    if folder and not Path(folder).is_dir():
        raise ConfigError(f"downstream.folder={folder}: no such folder")
    return digests(Path(folder)) if folder else {}


def _read(record: Record) -> list[Answers]:
    told: list[dict[str, Any]] = scores.read(record.path / "answers.json")
    return [Answers(**one) for one in told]
