import random

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tasks import ledger
from tasks.core.errors import DataError
from tasks.core.record import Record
from tasks.metrics import kept
from tasks.metrics.kept import KEPT, grams
from tasks.recognise import RecogniseConfig, recognise
from tasks.register import register
from tasks.registry import tokenizer_digest

TEXT = "".join(random.Random(0).choices("abcdefghijklmnopqrstuvwxyz", k=240))
CONFIG = RecogniseConfig(draws=2, prompts=(TEXT[:12],), new_tokens=220)


@pytest.fixture(scope="module")
def models_of_it(tmp_path_factory):
    """A model that knows the text by heart, and one that knows nothing."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bpe = Tokenizer(models.BPE({char: at for at, char in enumerate(alphabet)}, []))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe)
    torch.manual_seed(0)
    shape = LlamaConfig(
        vocab_size=256, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=256,
        bos_token_id=None, eos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    model = LlamaForCausalLM(shape)
    folders = {name: tmp_path_factory.mktemp(name) for name in ("knows", "ignorant")}
    model.save_pretrained(folders["ignorant"])
    ids = torch.tensor([tokenizer(TEXT)["input_ids"]])
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(400):
        loss = model(input_ids=ids, labels=ids).loss
        if loss < 0.02:
            break
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    model.save_pretrained(folders["knows"])
    for folder in folders.values():
        tokenizer.save_pretrained(folder)
    return {
        name: Record(kind="model", fingerprint=name, path=folder)
        for name, folder in folders.items()
    }


@pytest.fixture
def version(an_entry, models_of_it, tmp_path):
    """A version whose event forgot the text; ``of`` says what is kept otherwise."""

    def make(**of):
        folder = models_of_it["knows"].path
        ids = {name: one.tolist() for name, one in encoded(folder).items()}
        key = ledger.key("kept")
        none = grams([])
        what = {
            "key": kept.key_digest(key),
            "tokenizer": tokenizer_digest(folder),
            "forgotten": kept.sketches({"a": ids["text"]}, none, key),
            "never_seen": kept.sketches({"b": ids["backwards"]}, none, key),
            "losses": {},
        }
        kept.write(kept.Kept.model_validate({**what, **of}), tmp_path / KEPT)
        event, report = an_entry()
        record = event.kept.model_copy(update={"path": tmp_path})
        return register.fn(event.model_copy(update={"kept": record}), report).model_version

    return make


def encoded(folder):
    from tasks.training.model import load_tokenizer

    tokenizer = load_tokenizer(folder)
    texts = {"text": TEXT, "backwards": TEXT[::-1]}
    return {name: torch.tensor(tokenizer(one)["input_ids"]) for name, one in texts.items()}


def test_a_model_that_writes_the_erased_text_out_is_found(version, models_of_it):
    (found,) = recognise.fn([version()], models_of_it["knows"], CONFIG)
    (finding,) = found.findings
    assert finding.kind == "repeated"
    assert finding.said.startswith("1 of 1 erased documents are repeated")
    assert TEXT[:12] not in finding.said
    assert found.figures["most_hashes"] >= 2 > found.figures["most_hashes_never_seen"]


def test_a_model_that_does_not_know_it_is_not(version, models_of_it):
    (found,) = recognise.fn([version()], models_of_it["ignorant"], CONFIG)
    assert found.findings == ()
    assert found.figures["repeated"] == 0


def test_no_more_than_of_what_was_never_seen_is_chance(version, models_of_it):
    key, ids = ledger.key("kept"), encoded(models_of_it["knows"].path)["text"].tolist()
    same = kept.sketches({"b": ids}, grams([]), key)
    (found,) = recognise.fn([version(never_seen=same)], models_of_it["knows"], CONFIG)
    assert found.findings == ()


@pytest.mark.parametrize(("field", "word"), [("key", "ledger's key"), ("tokenizer", "tokenizer")])
def test_what_was_kept_under_another_key_or_tokenizer_is_refused(
    version, models_of_it, field, word
):
    with pytest.raises(DataError, match=word):
        recognise.fn([version(**{field: "0" * 64})], models_of_it["ignorant"], CONFIG)


def test_without_an_erased_event_no_model_is_loaded(tmp_path):
    nowhere = Record(kind="model", fingerprint="m", path=tmp_path / "nowhere")
    assert recognise.fn([], nowhere, CONFIG) == []
