"""Step: what a model says of each planted document, and how exposed each canary is under it."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from prefect import task
from pydantic import Field
from transformers import PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer

from tasks.core.batch import bucketed
from tasks.core.event import Split
from tasks.core.record import Identity, Record, keep
from tasks.core.variants import Section
from tasks.data.planting import candidates
from tasks.data.tokens import chunks
from tasks.metrics.evidence import Evidence, gather
from tasks.metrics.exposure import Estimate, canary_estimate
from tasks.metrics.exposure import canary as exact
from tasks.training.model import device, load

ROOMS = (
    "expose", "data/planting", "data/tokens", "metrics", "training/model", "core/batch",
    "core/logprobs",
)  # fmt: skip
MAX_BATCH_TOKENS = 8192
NONE = Estimate(math.nan, math.nan, at_least=False)
"""Of what is no canary."""


class ExposeConfig(Section):
    """How a planted document is read."""

    digits: int = Field(ge=1, le=6, description="at the end of a canary")
    candidates: int = Field(
        default=1000,
        ge=2,
        le=10**6,
        description="that a canary is ranked among: all, exactly, where there are no more; else "
        "so many drawn at random, with the standard error of that",
    )
    seed: int = Field(default=0, ge=0, description="of drawing candidates")


@task
def expose(model: Record, data: Record, config: ExposeConfig) -> Record:
    """A row each planted document: its tokens and loss in nats per token; a canary's exposure.

    Beside them the loss of the test split, which no model here has seen.
    """
    identity = Identity(kind="losses", config=config, inputs=(model, data), rooms=ROOMS)

    def make(scratch: Path) -> None:
        network, tokenizer = load(model.path)
        network.to(device())  # type: ignore[arg-type]  # transformers wraps nn.Module.to untyped
        rows = pd.read_parquet(data.path / "forget.parquet")
        told = _read(network, tokenizer, list(rows["text"]))
        exposures = [
            _exposure(network, tokenizer, text, config) if kind == "canary" else NONE
            for kind, text in zip(rows["kind"], rows["text"], strict=True)
        ]
        found = pd.DataFrame(exposures).assign(
            doc_id=rows["doc_id"], tokens=told.lengths, loss=-told.means(told.logp)
        )
        found.to_json(scratch / "losses.json", orient="records", indent=1, double_precision=15)
        unseen = _read(network, tokenizer, _texts(data, "test"))
        (scratch / "unseen.json").write_text(json.dumps({"loss": -float(unseen.logp.mean())}))

    return keep(identity, make)


def _texts(data: Record, split: Split) -> list[str]:
    texts: list[str] = pd.read_parquet(data.path / f"{split}.parquet", columns=["text"])[
        "text"
    ].to_list()
    return texts


def _exposure(
    network: PreTrainedModel, tokenizer: Tokenizer, canary: str, config: ExposeConfig
) -> Estimate:
    others = candidates(canary, config.digits, config.candidates, config.seed)
    told = _read(network, tokenizer, [canary, *others])
    sums = -told.means(told.logp) * told.lengths  # not means: digits may be one token or three
    if len(others) == 10**config.digits - 1:
        return Estimate(exact(sums[0], sums[1:]), 0.0, at_least=False)
    return canary_estimate(sums[0], sums[1:])


def _read(network: PreTrainedModel, tokenizer: Tokenizer, texts: Sequence[str]) -> Evidence:
    pieces = chunks(texts, tokenizer, network.config.max_position_embeddings)
    groups = bucketed(pieces, MAX_BATCH_TOKENS)
    ids = [str(at) for at in range(len(texts))]
    return gather(network, pieces, groups, ids, texts, bfloat16=False)
