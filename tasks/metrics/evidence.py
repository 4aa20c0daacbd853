"""The one expensive pass: run the model once over a split, keep what every measure needs.

Shape letters: B rows, T tokens of a row, V vocabulary, N scored tokens. What is kept is ragged: all
scored tokens of a split end to end, document after document, and where each document begins. It
holds numbers alone: neither text nor token ids.
"""

import hmac
import zlib
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tasks.core.batch import IGNORE, Batch, Chunk, collate
from tasks.core.logprobs import next_logits

Floats = NDArray[np.float64]

# Of one temporary of the softmax, whatever the vocabulary: 1 MiB stays in a CPU's cache, which made
# the softmax five times as fast as 64 MiB; 64 MiB keep a GPU busy.
VALUES_AT_ONCE = {"cpu": 2**18, "cuda": 2**24}


class Evidence(NamedTuple):
    """What one forward pass over the documents of a split told us."""

    doc_ids: tuple[str, ...]
    offsets: NDArray[np.int64]
    """Where each document's tokens begin, and one past the last; [documents + 1]."""

    logp: NDArray[np.float32]
    """Log-probability of the right next token, in nats; [N]."""

    hit: NDArray[np.bool_]
    """Whether the likeliest next token was the right one; [N]."""

    mean: NDArray[np.float32]
    """Mean of log p under p, in nats: minus the entropy; [N]."""

    variance: NDArray[np.float32]
    """Variance of log p under p, in nats squared; [N]."""

    zlib_bytes: NDArray[np.int64]
    """Size of the text after zlib; [documents]."""

    text_bytes: NDArray[np.int64]
    """Size of the text in UTF-8; [documents]."""

    grad_norm: Floats | None = None
    """Mean over the weights' tensors of the norm of the gradient of a document's mean loss, in nats
    per token and unit of weight; [documents]. NaN where it was not taken, None where of nobody."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Scored tokens of each document; [documents]."""
        return np.diff(self.offsets)

    def sums(self, values: NDArray[np.generic]) -> tuple[Floats, Floats]:
        """Sum of per-token ``values`` over each document with tokens, and how many it has."""
        scored = self.lengths > 0
        starts = self.offsets[:-1][scored]
        if not starts.size:
            return np.empty(0), np.empty(0)
        # each document sums its own tokens: a NaN stays where it is
        sums = np.add.reduceat(values.astype(np.float64), starts)
        return sums, self.lengths[scored].astype(np.float64)

    def means(self, values: NDArray[np.generic]) -> Floats:
        """Mean of per-token ``values`` over each document, NaN without tokens; [documents]."""
        sums, lengths = self.sums(values)
        means = np.full(len(self.doc_ids), np.nan)
        means[self.lengths > 0] = sums / lengths
        return means

    def of(self, doc_ids: Collection[str]) -> "Evidence":
        """The evidence of some of the documents, in the order they are in here."""
        kept = np.array([doc_id in doc_ids for doc_id in self.doc_ids], dtype=bool)
        tokens = np.repeat(kept, self.lengths)
        return Evidence(
            doc_ids=tuple(doc_id for doc_id in self.doc_ids if doc_id in doc_ids),
            offsets=np.concatenate([[0], np.cumsum(self.lengths[kept])]),
            logp=self.logp[tokens],
            hit=self.hit[tokens],
            mean=self.mean[tokens],
            variance=self.variance[tokens],
            zlib_bytes=self.zlib_bytes[kept],
            text_bytes=self.text_bytes[kept],
            grad_norm=None if self.grad_norm is None else self.grad_norm[kept],
        )

    def documents(self, values: NDArray[np.generic]) -> list[Floats]:
        """Per-token ``values``, one array per document."""
        return np.split(values.astype(np.float64), self.offsets[1:-1])


def pseudonym(key: bytes, doc_id: str) -> str:
    """What a document is called where its name must not stay: nothing without the key."""
    return hmac.digest(key, doc_id.encode(), "sha256").hex()[:32]


class Tokens(NamedTuple):
    """Evidence of some tokens, still on the device; each [N]."""

    logp_N: Tensor
    hit_N: Tensor
    mean_N: Tensor
    variance_N: Tensor


def token_evidence(logits_NV: Tensor, labels_N: Tensor) -> Tokens:
    """What the softmax of ``logits_NV``, taken in fp32, says of ``labels_N``."""
    logp_NV = logits_NV.float().log_softmax(-1)
    p_NV = logp_NV.exp()
    mean_N = (p_NV * logp_NV).sum(-1)
    # Two passes: E[x^2] - E[x]^2 loses every digit where all tokens are about as likely.
    variance_N = (p_NV * (logp_NV - mean_N.unsqueeze(-1)).square()).sum(-1)
    logp_N = logp_NV.gather(-1, labels_N.unsqueeze(-1)).squeeze(-1)
    return Tokens(logp_N, logits_NV.argmax(-1) == labels_N, mean_N, variance_N)


@torch.inference_mode()
def gather(
    model: nn.Module,
    chunks: Sequence[Chunk],
    groups: Iterable[list[int]],
    doc_ids: Sequence[str],
    texts: Iterable[str],
    *,
    bfloat16: bool,
) -> Evidence:
    """Evidence of every scored token of ``chunks``, read in ``groups`` of positions.

    ``bfloat16`` is of the matrix products; the softmax is fp32 always. At no time is more than one
    group's logits in memory.
    """
    device = next(model.parameters()).device
    scored = np.array([chunk.scored for chunk in chunks], dtype=np.int64)
    starts, offsets = _places(chunks, scored, len(doc_ids))
    logp, mean, variance = np.empty((3, offsets[-1]), dtype=np.float32)
    hit = np.empty(offsets[-1], dtype=np.bool_)
    for group in groups:
        at = np.concatenate([np.arange(starts[i], starts[i] + scored[i]) for i in group])
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            tokens = _batch_evidence(model, collate([chunks[i] for i in group]).to(device))
        for kept, told in zip((logp, hit, mean, variance), tokens, strict=True):
            kept[at] = told.cpu().numpy()
    sizes = np.array([_sizes(text) for text in texts], dtype=np.int64).reshape(-1, 2)
    return Evidence(tuple(doc_ids), offsets, logp, hit, mean, variance, sizes[:, 0], sizes[:, 1])


def write(evidence: Evidence, path: Path) -> None:
    """One Parquet row per document."""
    offsets = pa.array(evidence.offsets, pa.int32())
    columns = {
        "doc_id": pa.array(evidence.doc_ids, pa.string()),
        **{
            name: pa.ListArray.from_arrays(offsets, pa.array(getattr(evidence, name)))
            for name in ("logp", "hit", "mean", "variance")
        },
        "zlib_bytes": pa.array(evidence.zlib_bytes),
        "text_bytes": pa.array(evidence.text_bytes),
    }
    if evidence.grad_norm is not None:
        columns["grad_norm"] = pa.array(evidence.grad_norm)
    pq.write_table(pa.table(columns), path)


def read(path: Path) -> Evidence:
    """What ``write`` wrote."""
    table = pq.read_table(path).combine_chunks()
    lengths = table["logp"].combine_chunks().value_lengths().to_numpy()

    def flat(name: str) -> NDArray[np.generic]:
        values: NDArray[np.generic] = (
            table[name].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        )
        return values

    return Evidence(
        tuple(table["doc_id"].to_pylist()),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        flat("logp").astype(np.float32),
        flat("hit").astype(np.bool_),
        flat("mean").astype(np.float32),
        flat("variance").astype(np.float32),
        table["zlib_bytes"].to_numpy(),
        table["text_bytes"].to_numpy(),
        table["grad_norm"].to_numpy() if "grad_norm" in table.column_names else None,
    )


def _places(
    chunks: Sequence[Chunk], scored: NDArray[np.int64], documents: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each chunk's tokens go, a document's chunks in order; and where documents begin."""
    document = np.array([chunk.document for chunk in chunks], dtype=np.int64)
    order = np.argsort(document, kind="stable")
    starts = np.empty(len(chunks), dtype=np.int64)
    starts[order] = np.cumsum(scored[order]) - scored[order]
    lengths = np.zeros(documents, dtype=np.int64)
    np.add.at(lengths, document, scored)
    return starts, np.concatenate([[0], np.cumsum(lengths)])


def _batch_evidence(model: nn.Module, batch: Batch) -> Tokens:
    """Evidence of the scored tokens of ``batch``, row after row."""
    scored_BT = batch.labels_BT != IGNORE
    logits_BTV, labels_N = next_logits(model, batch), batch.labels_BT[scored_BT]
    rows, columns = scored_BT.nonzero(as_tuple=True)
    size = max(VALUES_AT_ONCE[logits_BTV.device.type] // logits_BTV.shape[-1], 1)
    parts = [
        token_evidence(logits_BTV[row, column], labels)
        for row, column, labels in zip(
            rows.split(size), columns.split(size), labels_N.split(size), strict=True
        )
    ]
    return Tokens(*(torch.cat(part) for part in zip(*parts, strict=True)))


def _sizes(text: str) -> tuple[int, int]:
    encoded = text.encode()
    return len(zlib.compress(encoded)), len(encoded)
