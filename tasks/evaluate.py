"""Step: read every split with a model, once, and keep what each token told."""

import logging
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq
from prefect import task
from pydantic import Field
from tqdm import tqdm
from transformers import PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer

from tasks.core.batch import bucketed
from tasks.core.event import SPLITS, Split
from tasks.core.record import Identity, Record, keep
from tasks.core.variants import Section
from tasks.data.tokens import chunks
from tasks.metrics import METRICS, MetricNames, evidence, scores
from tasks.metrics.evidence import Evidence
from tasks.training.model import device, load

ROOMS = ("evaluate", "metrics", "data/tokens", "training/model", "core/batch", "core/logprobs")
log = logging.getLogger(__name__)


class EvaluateConfig(Section):
    """What is measured of a model, and how it is read."""

    metrics: MetricNames = Field(
        default=tuple(METRICS), description="what to compute on every split, by name"
    )
    context: int = Field(
        default=2048,
        ge=2,
        le=2**20,
        description="tokens a model reads at once, or fewer where its own context is shorter",
    )
    max_batch_tokens: int = Field(
        default=8192, ge=1, le=2**24, description="tokens in memory at once, padding included"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32", description="of matrix products; the softmax is float32 always"
    )


@task
def evaluate(model: Record, data: Record, config: EvaluateConfig) -> Record:
    """Evidence of ``model`` on every split of ``data``, a row per document, and its scores."""
    identity = Identity(kind="evidence", config=config, inputs=(model, data), rooms=ROOMS)
    return keep(identity, lambda scratch: _measure(model, data, config, scratch))


def _measure(model: Record, data: Record, config: EvaluateConfig, out: Path) -> None:
    network, tokenizer = load(model.path)
    network.to(device())  # type: ignore[arg-type]  # transformers wraps nn.Module.to untyped
    values: dict[str, dict[str, float]] = {}
    counts: dict[str, dict[str, int]] = {}
    for split in SPLITS:
        told = _read(network, tokenizer, data.path / f"{split}.parquet", split, config)
        evidence.write(told, out / f"{split}.parquet")
        values[split] = {name: METRICS[name].value(told) for name in config.metrics}
        counts[split] = {
            "documents": len(told.doc_ids),
            "unscored": int((told.lengths == 0).sum()),
            "tokens": told.logp.size,
        }
        log.info("%s: %d documents, %d tokens scored", split, len(told.doc_ids), told.logp.size)
    scores.write(values, out / "scores.json")
    scores.write(counts, out / "counts.json")


def _read(
    network: PreTrainedModel, tokenizer: Tokenizer, path: Path, split: Split, config: EvaluateConfig
) -> Evidence:
    table = pq.read_table(path, columns=["doc_id", "text"])
    texts = table["text"].to_pylist()
    context = min(config.context, network.config.max_position_embeddings)
    pieces = chunks(texts, tokenizer, context)
    groups = tqdm(list(bucketed(pieces, config.max_batch_tokens)), desc=f"reading {split}")
    return evidence.gather(
        network,
        pieces,
        groups,
        table["doc_id"].to_pylist(),
        texts,
        bfloat16=config.precision == "bfloat16",
    )
