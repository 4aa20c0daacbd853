"""From text to token ids, and from documents to chunks no longer than a model's context.

A tokenizer trained here learns from retain and general text alone: one that had seen the forget set
would carry its words into the retrained model, which must never have met them.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tasks.core.batch import Chunk

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

BOS, EOS, PAD = "<|bos|>", "<|eos|>", "<|pad|>"
LONGEST_WORD = 64
"""Bytes. A longer one (a line of one repeated character, a base64 blob) is cut: merging inside it
would take time in the square of its length."""


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> "PreTrainedTokenizerFast":
    """A byte-level BPE tokenizer of at most ``vocabulary`` tokens; any text round-trips."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast  # 3 s that curation does not need

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.ByteLevel(add_prefix_space=False),
            pre_tokenizers.FixedLength(LONGEST_WORD),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[BOS, EOS, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A {EOS}",
        special_tokens=[(mark, tokenizer.token_to_id(mark)) for mark in (BOS, EOS)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        clean_up_tokenization_spaces=False,
    )


def chunks(texts: Sequence[str], tokenizer: "PreTrainedTokenizerBase", context: int) -> list[Chunk]:
    """Every document as stretches of at most ``context`` tokens, in order.

    Each token after a document's first is scored exactly once: a stretch begins with the last token
    of the one before, which it reads and does not score. Special tokens are the tokenizer's own.
    """
    if not texts:
        return []
    encoded = tokenizer(
        list(texts),
        add_special_tokens=True,
        split_special_tokens=True,  # a mark that stands in a document is text like any other
        verbose=False,
    )["input_ids"]
    return [chunk for at, ids in enumerate(encoded) for chunk in _stretches(ids, at, context)]


def _stretches(ids: Sequence[int], document: int, context: int) -> list[Chunk]:
    tokens = np.asarray(ids, dtype=np.int64)
    return [
        Chunk(
            tokens[at : at + context][: len(tokens) - 1 - at],
            tokens[at + 1 : at + 1 + context],
            document,
        )
        for at in range(0, len(tokens) - 1, context)
    ]
