"""Which weights learn, on models of other people's families."""

import json

import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    Olmo2Config,
    Olmo2ForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from tasks.core.errors import ConfigError
from tasks.methods.hidden import layer
from tasks.training.weights import ADAPTER, AllWeights, LowRank, Matching, learning

SIZES = {"vocab_size": 30, "hidden_size": 8, "intermediate_size": 12, "num_attention_heads": 2}
FAMILIES = {
    "gpt_neox": (GPTNeoXForCausalLM, GPTNeoXConfig, SIZES, "layers.{}.mlp.dense_4h_to_h.weight"),
    "llama": (LlamaForCausalLM, LlamaConfig, SIZES, "layers.{}.mlp.down_proj.weight"),
    "olmo2": (Olmo2ForCausalLM, Olmo2Config, SIZES, "layers.{}.mlp.down_proj.weight"),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config, SIZES | {"num_key_value_heads": 1},
              "layers.{}.mlp.down_proj.weight"),
    "gpt2": (GPT2LMHeadModel, GPT2Config, {"vocab_size": 30, "n_embd": 8, "n_head": 2},
             "h.{}.mlp.c_proj.weight"),
}  # fmt: skip
every_family = pytest.mark.parametrize("family", FAMILIES)
IDS = torch.tensor([[1, 2, 3, 4]])


def a_model(family, layers=2, **changed):
    made, config, sizes, _ = FAMILIES[family]
    torch.manual_seed(0)
    return made(config(**sizes, num_hidden_layers=layers, **changed)).eval()


def step(model):
    """One of AdamW on what learns."""
    optimizer = torch.optim.AdamW(learning(model).values(), lr=0.1)
    model(input_ids=IDS).logits.square().mean().backward()
    optimizer.step()


def test_all_is_every_weight_and_leaves_nothing_beside(tmp_path):
    model = a_model("llama")
    AllWeights().choose(model)(tmp_path)
    assert learning(model).keys() == dict(model.named_parameters()).keys()
    assert not list(tmp_path.iterdir())


@every_family
def test_by_itself_a_match_is_what_rmu_trains(family):
    # The layer at a quarter of twelve is the third, whose number is 2: blocks 0, 1 and 2.
    model = a_model(family, layers=12)
    Matching(blocks=2).choose(model)
    name = FAMILIES[family][-1]
    assert len(learning(model)) == 2
    assert all(
        chosen.endswith(name.format(block))
        for chosen, block in zip(learning(model), (1, 2), strict=True)
    )


def test_of_32_layers_it_is_the_paper_s_own_choice():
    # WMDP's code: hidden states of module 7, parameters of layers 5, 6 and 7.
    model = a_model("llama", layers=32)
    Matching().choose(model)
    blocks = [int(name.split(".")[2]) for name in learning(model)]
    assert blocks == [5, 6, 7]
    assert layer(0.25, 32) - 1 == 7


def test_what_matches_nothing_is_said_with_a_name_that_is_there():
    with pytest.raises(ConfigError, match=r"weights\.names=\*\.mpl\.\*: .*model\.layers\.0\."):
        Matching(names=("*.mpl.*",)).choose(a_model("llama"))


@pytest.mark.parametrize("chosen", [Matching(), LowRank(rank=2)])
def test_only_what_is_chosen_changes(chosen, tmp_path):
    model = a_model("llama", layers=4)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    chosen.choose(model)
    names = set(learning(model))
    step(model)
    after = dict(model.named_parameters())
    for name, weight in before.items():
        now = after.get(name, after.get(name.replace(".weight", ".base_layer.weight")))
        assert torch.equal(weight, now) == (name not in names)


@every_family
@pytest.mark.parametrize("tied", [True, False])
def test_an_adapter_changes_nothing_at_first_and_is_the_whole_of_the_change(family, tied, tmp_path):
    from peft import PeftModel

    target = a_model(family, tie_word_embeddings=tied)
    model = a_model(family, tie_word_embeddings=tied)
    settle = LowRank(rank=2).choose(model)
    with torch.no_grad():
        assert torch.equal(model(input_ids=IDS).logits, target(input_ids=IDS).logits)
    step(model)
    step(model)  # one of the two matrices has no gradient in the first
    with torch.no_grad():
        trained = model(input_ids=IDS).logits
    settle(tmp_path)

    names = dict(target.named_parameters()).keys()
    assert dict(model.named_parameters()).keys() == names
    with torch.no_grad():
        merged = model(input_ids=IDS).logits
        assert torch.allclose(merged, trained, atol=1e-5)
        assert not torch.allclose(merged, target(input_ids=IDS).logits, atol=1e-2)
    again = PeftModel.from_pretrained(target, tmp_path / ADAPTER).merge_and_unload()
    for name, weight in again.named_parameters():
        assert torch.equal(weight, dict(model.named_parameters())[name])


def test_what_is_saved_of_an_adapter_is_no_pickle_and_names_no_place(tmp_path):
    model = a_model("llama")
    model.name_or_path = "/secret/place"  # what loading a model from a folder leaves there
    LowRank(rank=2).choose(model)(tmp_path)
    files = {path.name: path for path in (tmp_path / ADAPTER).iterdir()}
    assert files.keys() == {"adapter_model.safetensors", "adapter_config.json"}
    assert "/secret" not in files["adapter_config.json"].read_text()
    assert json.loads(files["adapter_config.json"].read_text())["r"] == 2
    assert all("lora" in name for name in load_file(files["adapter_model.safetensors"]))


def test_an_adapter_is_fixed_by_its_seed_and_draws_from_nobody_else():
    def first(seed):
        model = a_model("llama")
        torch.manual_seed(3)
        LowRank(rank=2, seed=seed).choose(model)
        assert torch.equal(torch.rand(1), torch.rand(1, generator=torch.manual_seed(3)))
        return [p.detach().clone() for name, p in learning(model).items() if "lora_A" in name]

    one, same, other = first(1), first(1), first(2)
    assert all(map(torch.equal, one, same))
    assert not any(map(torch.equal, one, other))
