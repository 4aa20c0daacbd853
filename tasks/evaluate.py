"""Step: read every split with a model, once, and keep what each token told."""

import logging
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow.parquet as pq
from prefect import task
from pydantic import Field
from tqdm import tqdm
from transformers import PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer

from tasks.core.batch import Chunk, bucketed
from tasks.core.event import SPLITS, Split
from tasks.core.record import Identity, Record, keep
from tasks.data.tokens import chunks
from tasks.metrics import METRICS, MetricNames, evidence, scores
from tasks.metrics.evidence import Evidence, Floats
from tasks.metrics.grad_norm import gradient_norms
from tasks.metrics.metric import intervals
from tasks.metrics.statistics import Sampled
from tasks.training.model import device, load

ATTACKED: tuple[Split, ...] = ("forget", "approximate")
ROOMS = ("evaluate", "metrics", "data/tokens", "training/model", "core/batch", "core/logprobs")
log = logging.getLogger(__name__)


class EvaluateConfig(Sampled):
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
    gradients: int = Field(
        default=500,
        ge=0,
        le=1_000_000,
        description="documents of forget and of approximate, at most, whose gradient is taken for "
        "the attack grad_norm: about three times the work of reading them, and memory for one "
        "gradient; 0: none",
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
    sure: dict[str, dict[str, dict[str, float]]] = {}
    counts: dict[str, dict[str, int]] = {}
    for split in SPLITS:
        told = _read(network, tokenizer, data.path / f"{split}.parquet", split, config)
        evidence.write(told, out / f"{split}.parquet")
        metrics = [METRICS[name] for name in config.metrics]
        values[split] = {metric.name: metric.value(told) for metric in metrics}
        found = intervals(metrics, told, config.sampling)
        sure[split] = {name: interval._asdict() for name, interval in found.items()}
        counts[split] = {
            "documents": len(told.doc_ids),
            "unscored": int((told.lengths == 0).sum()),
            "tokens": told.logp.size,
        }
        log.info("%s: %d documents, %d tokens scored", split, len(told.doc_ids), told.logp.size)
    scores.write(values, out / "scores.json")
    scores.write(sure, out / "intervals.json")
    scores.write(counts, out / "counts.json")


def _read(
    network: PreTrainedModel, tokenizer: Tokenizer, path: Path, split: Split, config: EvaluateConfig
) -> Evidence:
    table = pq.read_table(path, columns=["doc_id", "text"])
    texts = table["text"].to_pylist()
    context = min(config.context, network.config.max_position_embeddings)
    pieces = chunks(texts, tokenizer, context)
    groups = tqdm(list(bucketed(pieces, config.max_batch_tokens)), desc=f"reading {split}")
    told = evidence.gather(
        network,
        pieces,
        groups,
        table["doc_id"].to_pylist(),
        texts,
        bfloat16=config.precision == "bfloat16",
    )
    if split not in ATTACKED or not config.gradients:
        return told
    return told._replace(grad_norm=_gradients(network, pieces, len(texts), split, config))


def _gradients(
    network: PreTrainedModel,
    pieces: list[Chunk],
    documents: int,
    split: Split,
    config: EvaluateConfig,
) -> Floats:
    """Gradient norms of as many documents as are wanted, spread evenly over the split."""
    chosen = np.unique(np.linspace(0, documents - 1, min(config.gradients, documents)).round())
    shown = tqdm(chosen.astype(int).tolist(), desc=f"gradients of {split}", unit=" documents")
    return gradient_norms(
        network, pieces, shown, documents, bfloat16=config.precision == "bfloat16"
    )
