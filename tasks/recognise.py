"""Step: what a model writes by itself, searched for texts that are erased.

Their text is gone, so that none of it can be given as a prompt: the model writes from nothing, as
in Carlini et al. 2021, *Extracting training data from large language models*, and from whatever
prompts the operator gives. What is written is held in memory alone.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from prefect import task
from pydantic import Field
from transformers import PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer

from tasks import ledger
from tasks.core.errors import DataError
from tasks.core.record import Record
from tasks.core.variants import Section
from tasks.metrics.decoding import GREEDY, Opening, continued
from tasks.metrics.kept import KEPT, Kept, key_digest, repeated
from tasks.metrics.regression import Finding
from tasks.registry import scored, tokenizer_digest
from tasks.training.model import device, load

PURPOSE = "kept"
"""Of the ledger's key."""


class RecogniseConfig(Section):
    """How long a model is listened to, and how much of a text counts as the text."""

    draws: int = Field(default=64, ge=1, le=100_000, description="texts written from nothing")
    prompts: tuple[str, ...] = Field(
        default=(),
        max_length=1000,
        description="beginnings to go on from, likeliest token every time; nothing forgotten",
    )
    new_tokens: int = Field(default=128, ge=8, le=2**16, description="of each text, at most")
    hits: int = Field(
        default=2,
        ge=1,
        le=1000,
        description="kept hashes of one document in one text, at least, for the document to count "
        "as repeated; a hash is left by every 16 tokens or so",
    )
    temperature: float = Field(default=1.0, gt=0, le=10, description="of what is drawn")
    seed: int = Field(default=0, ge=0, description="of what is drawn")
    max_batch_tokens: int = Field(
        default=8192, ge=1, le=2**24, description="tokens in memory at once"
    )


class Recognised(Section):
    """Whether what a model wrote holds the documents of one erased event."""

    version: str
    findings: tuple[Finding, ...]
    figures: dict[str, float]


@task
def recognise(versions: Sequence[str], model: Record, config: RecogniseConfig) -> list[Recognised]:
    """Search what ``model`` writes for the erased documents of the events that made ``versions``.

    A document counts as repeated if one text holds ``config.hits`` of its hashes, and more than of
    any document that no model ever saw.

    Raises:
        DataError: the hashes are of another ledger's key, or of another tokenizer.
    """
    if not versions:
        return []
    key, tokenizer = ledger.key(PURPOSE), tokenizer_digest(model.path)
    said = list(_written(model, config))
    return [
        _recognised(version, _kept(version, key, tokenizer), said, key, config.hits)
        for version in versions
    ]


def _kept(version: str, key: bytes, tokenizer: str) -> Kept:
    kept = Kept.model_validate(scored(version, KEPT))
    for what, ours, theirs in (
        ("ledger's key", key_digest(key), kept.key),
        ("tokenizer", tokenizer, kept.tokenizer),
    ):
        if ours != theirs:
            raise DataError(
                f"{version}: what is kept of its texts was made with another {what}, and cannot be "
                "recognised; restore it from a backup"
            )
    return kept


def _recognised(
    version: str, kept: Kept, said: Sequence[Sequence[int]], key: bytes, hits: int
) -> Recognised:
    forgotten, control = (repeated(said, of, key) for of in (kept.forgotten, kept.never_seen))
    chance = max(control, default=0)
    known = sum(most >= hits and most > chance for most in forgotten)
    figures = {
        "documents": len(kept.forgotten),
        "unknowable": kept.unknowable(hits),
        "repeated": known,
        "most_hashes": max(forgotten, default=0),
        "most_hashes_never_seen": chance,
    }
    sentence = (
        f"{known} of {len(kept.forgotten)} erased documents are repeated: up to "
        f"{figures['most_hashes']} kept hashes in one text, {chance} of documents never seen"
    )
    found = (Finding(kind="repeated", version=version, said=sentence),) if known else ()
    return Recognised(
        version=version,
        findings=found,
        figures={name: float(value) for name, value in figures.items()},
    )


def _written(model: Record, config: RecogniseConfig) -> Iterator[list[int]]:
    """Token ids of everything that the model writes, with what it was given before them."""
    network, tokenizer = load(model.path)
    network.to(device())  # type: ignore[arg-type]  # transformers wraps nn.Module.to untyped
    for openings in (_drawn(network, tokenizer, config), _prompted(network, tokenizer, config)):
        yield from continued(
            network, openings, tokenizer.eos_token_id, config.max_batch_tokens, config.temperature
        )


def _drawn(
    network: PreTrainedModel, tokenizer: Tokenizer, config: RecogniseConfig
) -> list[Opening]:
    """From the mark that begins a text or, where a tokenizer has none, from any token."""
    rng = np.random.default_rng(config.seed)
    marks: list[Any] = [tokenizer.bos_token_id, tokenizer.eos_token_id]
    (mark, *_) = [[one] for one in marks if one is not None] or [[]]
    limit = min(config.new_tokens, _context(network) - 1)
    return [
        Opening(mark or [int(rng.integers(len(tokenizer)))], limit, rng.random(limit))
        for _ in range(config.draws)
    ]


def _prompted(
    network: PreTrainedModel, tokenizer: Tokenizer, config: RecogniseConfig
) -> list[Opening]:
    given = [tokenizer(text, split_special_tokens=True)["input_ids"] for text in config.prompts]
    room = _context(network)
    return [Opening(ids, min(config.new_tokens, room - len(ids)), GREEDY) for ids in given]


def _context(network: PreTrainedModel) -> int:
    return int(getattr(network.config, "max_position_embeddings", 2**20))
