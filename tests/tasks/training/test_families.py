"""Other people's checkpoints: the families that load and forget, whatever marks their tokenizers
have, and configs that do not describe a model."""

import copy
import json
import shutil

import pytest
import torch
from tokenizers import processors
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    Olmo2Config,
    Olmo2ForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)
from transformers.modeling_layers import GradientCheckpointingLayer

from tasks.core.batch import IGNORE, collate
from tasks.core.errors import ModelError
from tasks.core.logprobs import mean_nll, next_logits
from tasks.data.tokens import BOS, EOS, PAD, chunks
from tasks.methods.likelihood import Ascent, Descent
from tasks.training import checkpoint
from tasks.training.job import PROGRESS, Part
from tasks.training.loop import OptimiserConfig
from tasks.training.model import checkpoint_layers, load
from tasks.training.probes import Probes
from tasks.training.worker import work

ROWS = 304  # a few more than the tokenizer has: its library adds a mark of its own for Qwen2
SIZES = {"vocab_size": ROWS, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
         "num_attention_heads": 2}  # fmt: skip
FAMILIES = {
    "gpt_neox": (GPTNeoXForCausalLM, GPTNeoXConfig, SIZES | {"hidden_dropout": 0.5}),
    "llama": (LlamaForCausalLM, LlamaConfig, SIZES),
    "olmo2": (Olmo2ForCausalLM, Olmo2Config, SIZES),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config, SIZES | {"num_key_value_heads": 1}),
    "gpt2": (GPT2LMHeadModel, GPT2Config,
             {"vocab_size": ROWS, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 32}),
    "bloom": (BloomForCausalLM, BloomConfig,
              {"vocab_size": ROWS, "hidden_size": 16, "n_layer": 1, "n_head": 2}),
}  # fmt: skip


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_loads_and_comes_back_from_a_checkpoint(family, tied, tokenizer, tmp_path):
    model, config, sizes = FAMILIES[family]
    made = model(config(**sizes, tie_word_embeddings=tied)).eval()
    made.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    loaded, _ = load(tmp_path / "model")
    batch = collate(chunks(["the river ran", "under seven stone bridges"], tokenizer, 8))
    assert torch.equal(next_logits(loaded, batch), next_logits(made, batch))

    optimizer = torch.optim.AdamW(loaded.parameters(), lr=0.1, fused=True)
    next_logits(loaded, batch).sum().backward()
    optimizer.step()
    checkpoint.save(tmp_path / "state", loaded, optimizer, 3, tmp_path / "best")
    fresh, _ = load(tmp_path / "model")
    again = torch.optim.AdamW(fresh.parameters())
    assert checkpoint.resume(tmp_path / "state", fresh, again, tmp_path / "best") == 3
    assert torch.equal(next_logits(loaded, batch), next_logits(fresh, batch))


def marked(tokenizer, form, **marks):
    """The same tokenizer with other marks, put around a text in the form of a template."""
    backend = copy.deepcopy(tokenizer.backend_tokenizer)
    ids = [(mark, backend.token_to_id(mark)) for mark in (BOS, EOS)]
    backend.post_processor = processors.TemplateProcessing(single=form, special_tokens=ids)
    return PreTrainedTokenizerFast(tokenizer_object=backend, **marks)


MARKS = {
    "no pad, one mark for bos and eos, none added": ("$A", {"bos_token": EOS, "eos_token": EOS}),
    "no bos, pad is eos, none added": ("$A", {"eos_token": EOS, "pad_token": EOS}),
    "no pad, bos added": (f"{BOS} $A", {"bos_token": BOS, "eos_token": EOS}),
    "no bos, eos and pad apart, none added": ("$A", {"eos_token": EOS, "pad_token": PAD}),
    "one mark for all three, added on both sides": (
        f"{EOS} $A {EOS}", {"bos_token": EOS, "eos_token": EOS, "pad_token": EOS},
    ),
}  # fmt: skip
"""As Pythia, Qwen2.5, Llama 3.2 and OLMo 2 have them; and where a mask by pad would hide most."""
ARRANGED = dict(zip(("gpt_neox", "qwen2", "llama", "olmo2"), MARKS, strict=False))
TEXTS = ["the river ran under stone bridges", "nobody saw its slow brown boats"]


@pytest.fixture
def given(tokenizer, tmp_path):
    """Makes the folder of a model of a family, untrained."""

    def make(family, marks, tied=False):
        model, config, sizes = FAMILIES[family]
        form, named = MARKS[marks]
        theirs = marked(tokenizer, form, **named)
        ids = {f"{name}_id": theirs.convert_tokens_to_ids(mark) for name, mark in named.items()}
        torch.manual_seed(0)
        made = model(config(**{**sizes, **ids}, tie_word_embeddings=tied)).eval()
        made.save_pretrained(tmp_path / "given")
        theirs.save_pretrained(tmp_path / "given")
        return tmp_path / "given"

    return make


@pytest.mark.parametrize("family", ARRANGED)
@pytest.mark.parametrize("marks", MARKS)
def test_every_token_after_a_document_s_first_is_scored_whatever_the_marks(
    family, marks, given, tokenizer
):
    _, loaded = load(given(family, marks))
    plain = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
    before, after = (part.split() for part in MARKS[marks][0].split("$A"))
    bos, eos = (tokenizer.convert_tokens_to_ids(mark) for mark in (BOS, EOS))
    ids = {BOS: bos, EOS: eos}
    whole = [[*map(ids.get, before), *text, *map(ids.get, after)] for text in plain]

    read = chunks(TEXTS, loaded, 8)
    for document, tokens in enumerate(whole):
        ours = [chunk for chunk in read if chunk.document == document]
        assert [int(at) for chunk in ours for at in chunk.ids] == tokens[:-1]
        assert [int(at) for chunk in ours for at in chunk.labels] == tokens[1:]
        assert all(len(chunk.ids) <= 8 for chunk in ours)
    assert (collate(read).labels_BT == eos).sum() == len(TEXTS) * after.count(EOS)
    assert (collate(read).labels_BT != IGNORE).sum() == sum(map(len, whole)) - len(TEXTS)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("family", ARRANGED)
def test_a_family_forgets_what_it_is_told_to(family, tied, given, a_job):
    job = a_job(
        start=given(family, ARRANGED[family], tied),
        parts=(
            Part(term=Ascent(), splits=("forget",)),
            Part(term=Descent(), splits=("retain",), weight=0.1),  # it has the same few words
        ),
        optimiser=OptimiserConfig(
            learning_rate=0.02, tokens_per_step=96, max_batch_tokens=128, precision="float32"
        ),
        steps=6,
        probes=Probes(splits=("forget", "retain"), tokens=96, every=6),
    )
    job.folder.mkdir(parents=True)
    work(job)
    first, *_, last = map(json.loads, (job.out / PROGRESS).read_text().splitlines())
    assert last["forget_nll"] > first["forget_nll"]

    model, loaded = load(job.out)
    assert model.config.tie_word_embeddings is tied
    tokens = [model.get_input_embeddings().weight, model.get_output_embeddings().weight]
    assert torch.equal(*tokens) is tied
    assert loaded.get_vocab() == load(job.start)[1].get_vocab()


@pytest.mark.parametrize("family", FAMILIES)
def test_layers_computed_twice_give_the_same_gradient_and_dropout_stays_off(family, given):
    marks = ARRANGED.get(family, next(iter(MARKS)))
    folder = given(family, marks)
    gradients, calls = [], []
    for checkpointed in (False, True):
        model, tokenizer = load(folder)
        if checkpointed:
            checkpoint_layers(model)
        (layer,) = [one for one in model.modules() if isinstance(one, GradientCheckpointingLayer)]
        layer.mlp.register_forward_pre_hook(lambda *_: calls.append("mlp"))
        batch = collate(chunks(TEXTS, tokenizer, 8))
        mean_nll(next_logits(model, batch), batch.labels_BT).backward()
        gradients.append({name: p.grad for name, p in model.named_parameters()})
    assert calls == ["mlp"] * 3  # once where it is kept, twice where it is not
    one, other = gradients
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def folder(start, tmp_path):
    """A copy of a good checkpoint, to be spoilt."""
    return shutil.copytree(start, tmp_path / "model")


@pytest.mark.parametrize(
    "spoilt",
    [
        {"hidden_size": "many"},
        {"num_attention_heads": 0},
        {"num_attention_heads": 3},
        {"hidden_act": "none such"},
        {"rope_parameters": {"rope_type": "none such"}},
        {"max_position_embeddings": None},
        {"dtype": "none such"},
        {"model_type": ["llama"]},
        {"pad_token_id": 5000},
        {"vocab_size": 10**9},
        {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
    ],
    ids=str,
)
def test_a_config_that_describes_no_model_is_refused_in_one_line(folder, spoilt):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | spoilt))
    with pytest.raises(ModelError, match=r"model\.path=") as caught:
        load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", "[" * 100_000),
        ("tokenizer_config.json", "[]"),
        ("generation_config.json", "[]"),
        ("adapter_config.json", '{"base_model_name_or_path": "/elsewhere"}'),
        ("model.safetensors.index.json", '{"weight_map": {}}'),
        ("model.safetensors.index.json", '{"weight_map": {"x": ["y"]}}'),
    ],
)
def test_a_file_beside_it_that_makes_no_sense_is_refused_in_one_line(folder, name, content):
    (folder / name).write_text(content)
    with pytest.raises(ModelError, match=r"model\.path") as caught:
        load(folder)
    assert "\n" not in str(caught.value)
