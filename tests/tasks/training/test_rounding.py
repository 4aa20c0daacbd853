import json

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
)

from tasks.training.rounding import rounded

SHAPE = {"vocab_size": 64, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1,
         "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 32}  # fmt: skip
LIBRARY = {
    "int8": {"load_in_8bit": True},
    "nf4": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
}


def llama(**changes):
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**SHAPE, **changes))


def gpt2():
    torch.manual_seed(0)
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=64, n_embd=64, n_layer=1, n_head=2, n_positions=32)
    )


def changes(before, after):
    """Relative change by parameter."""
    new = dict(after.named_parameters())
    return {
        name: float((new[name].detach().float() - old).norm() / old.norm().clamp(min=1e-9))
        for name, old in before.state_dict().items()
        if name in new
    }


@pytest.mark.parametrize("weights", LIBRARY)
@pytest.mark.parametrize("tied", [True, False])
def test_what_is_left_is_what_loading_in_fewer_bits_leaves(weights, tied, tmp_path):
    llama(tie_word_embeddings=tied).save_pretrained(tmp_path)
    theirs = AutoModelForCausalLM.from_pretrained(
        tmp_path,
        dtype=torch.float32,
        device_map={"": "cpu"},
        quantization_config=BitsAndBytesConfig(**LIBRARY[weights]),
    ).dequantize()
    ours = rounded(llama(tie_word_embeddings=tied), weights)
    for (name, one), (_, other) in zip(
        ours.named_parameters(), theirs.named_parameters(), strict=True
    ):
        torch.testing.assert_close(one, other.float(), rtol=1e-5, atol=1e-7, msg=name)


@pytest.mark.parametrize(("weights", "most"), [("int8", 0.01), ("nf4", 0.12)])
@pytest.mark.parametrize("make", [llama, gpt2])
def test_only_the_matrices_of_linear_layers_are_rounded(make, weights, most):
    for name, change in changes(make(), rounded(make(), weights)).items():
        matrix = any(part in name for part in ("proj", "c_attn", "c_fc")) and "bias" not in name
        assert (most / 10 < change < most) if matrix else change == 0, (name, change)


def test_four_bits_leave_sixteen_values_a_block():
    model = rounded(llama(), "nf4")
    block = model.model.layers[0].self_attn.q_proj.weight.flatten()[:64]
    assert len(block.unique()) <= 16


@pytest.mark.parametrize(("weights", "most"), [("bfloat16", 2**-8), ("float16", 2**-11)])
def test_half_precision_is_of_every_weight(weights, most, tmp_path):
    rounded(llama(), weights).save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["dtype"] == weights
    back = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    for name, change in changes(llama(), back).items():
        assert (0 < change < most) if "norm" not in name else change == 0, (name, change)


def test_a_row_of_zeros_stays_one():
    model = llama()
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight[3] = 0.0
    for weights in LIBRARY:
        assert not rounded(model, weights).model.layers[0].mlp.up_proj.weight[3].any()
