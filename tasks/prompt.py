"""Step: have a model go on with what was forgotten, and measure how much of the text comes back.

Neither what a model says nor what is true is kept: a row of numbers per document and try.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from prefect import task
from pydantic import Field, field_validator
from transformers import PreTrainedTokenizerBase as Tokenizer

from tasks.core.record import Identity, Record, keep
from tasks.core.variants import Section
from tasks.metrics import VERBATIM, AnyPrompt
from tasks.metrics.decoding import GREEDY, Opening, continued
from tasks.metrics.prompts import (
    CONTINUATIONS,
    PLAIN,
    SAMPLED,
    Instructed,
    Later,
    Plain,
    Prompt,
    Reader,
    Spaced,
    Titled,
    UpperCase,
)
from tasks.metrics.verbatim import Continuation
from tasks.training.model import device, load

ROOMS = ("prompt", "metrics", "training/model")
log = logging.getLogger(__name__)


class PromptConfig(Section):
    """How a model is asked for a text, and for how much of it."""

    given: int = Field(default=32, ge=1, le=2**16, description="tokens of a document, in a prompt")
    new_tokens: int = Field(
        default=128,
        ge=1,
        le=2**16,
        description="to go on for, or fewer where the document or the model's context ends",
    )
    prompts: tuple[AnyPrompt, ...] = Field(
        default=(Plain(), Later(), Instructed(), Titled(), UpperCase(), Spaced()),
        description="each once, taking the likeliest token every time",
    )
    samples: int = Field(
        default=8, ge=0, le=1000, description="drawn beside, of the plain prompt alone"
    )
    temperature: float = Field(default=1.0, gt=0, le=10, description="of what is drawn")
    seed: int = Field(default=0, ge=0, description="of what is drawn")
    max_batch_tokens: int = Field(
        default=8192, ge=1, le=2**24, description="tokens in memory at once, those to come included"
    )

    @field_validator("prompts")
    @classmethod
    def _begins_plainly(cls, prompts: tuple[Prompt, ...]) -> tuple[Prompt, ...]:
        names = [prompt.name for prompt in prompts]
        if names[:1] != [PLAIN] or len({*names}) < len(names):
            raise ValueError("plain comes first, all others are held against it; each prompt once")
        return prompts

    def plainly(self) -> Self:
        """The same with the plain prompt alone."""
        return self.model_copy(update={"prompts": self.prompts[:1], "samples": 0})


class Try(NamedTuple):
    """One document to go on with; without an opening there is nothing to find, or no room."""

    doc_id: str
    prompt: str
    draw: int
    """0: the likeliest token every time."""
    opening: Opening
    true_ids: list[int]


@task
def prompt(model: Record, data: Record, config: PromptConfig) -> Record:
    """How much of every forgotten document ``model`` gives back, by prompt and by draw."""
    identity = Identity(kind="continuations", config=config, inputs=(model, data), rooms=ROOMS)
    return keep(identity, lambda scratch: _asked(model, data, config, scratch))


def _asked(model: Record, data: Record, config: PromptConfig, out: Path) -> None:
    network, tokenizer = load(model.path)
    network.to(device())  # type: ignore[arg-type]  # transformers wraps nn.Module.to untyped
    context = getattr(network.config, "max_position_embeddings", 2**20)
    documents = pq.read_table(data.path / "forget.parquet", columns=["doc_id", "title", "text"])
    tries = list(_tries(documents.to_pylist(), tokenizer, context, config))
    rows = []
    for drawn in (False, True):
        of_kind = [one for one in tries if (one.draw > 0) == drawn]
        answers = continued(
            network,
            [one.opening for one in of_kind],
            tokenizer.eos_token_id,
            config.max_batch_tokens,
            config.temperature,
        )
        rows += [_row(one, ids, tokenizer) for one, ids in zip(of_kind, answers, strict=True)]
    log.info("%d documents, %d continuations", len(documents), len(rows))
    pd.DataFrame(rows).to_parquet(out / CONTINUATIONS, index=False)


def _tries(
    documents: list[dict[str, Any]], tokenizer: Tokenizer, context: int, config: PromptConfig
) -> Iterator[Try]:
    reader = _reader(tokenizer)
    lead = tokenizer("")["input_ids"][:1]
    lead = lead if lead == [tokenizer.bos_token_id] else []
    for at, document in enumerate(documents):
        body = reader.encode(document["text"])
        for one in config.prompts:
            start = one.start(len(body), config.given)
            given, rest = np.split(np.array(body[start:], dtype=np.int64), [config.given])
            ids = [*lead, *one.ids(given.tolist(), document["title"] or "", reader)]
            limit = max(min(config.new_tokens, len(rest), context - len(ids)), 0)
            true_ids = rest[:limit].tolist()
            yield Try(document["doc_id"], one.name, 0, Opening(ids, limit, GREEDY), true_ids)
            if one.name == PLAIN:
                rng = np.random.default_rng([config.seed, at])
                chances = rng.random((config.samples, config.new_tokens))
                for draw, row in enumerate(chances, 1):
                    opening = Opening(ids, limit, row[:limit])
                    yield Try(document["doc_id"], SAMPLED, draw, opening, true_ids)


def _reader(tokenizer: Tokenizer) -> Reader:
    return Reader(
        encode=lambda text: list(
            tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False)[
                "input_ids"
            ]
        ),
        decode=lambda ids: str(tokenizer.decode(list(ids))),
    )


def _row(one: Try, ids: list[int], tokenizer: Tokenizer) -> dict[str, Any]:
    texts = (str(tokenizer.decode(some)) for some in (ids, one.true_ids))
    said = Continuation(ids, one.true_ids, *texts)
    return {
        "doc_id": one.doc_id,
        "prompt": one.prompt,
        "draw": one.draw,
        "tokens": len(one.true_ids),
        **{name: measure.value(said) for name, measure in VERBATIM.items()},
    }
