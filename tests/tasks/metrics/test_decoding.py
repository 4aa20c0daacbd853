"""Decoding on a real tiny model, against the library's own."""

import numpy as np
import pytest
import torch
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, LlamaConfig, LlamaForCausalLM

from tasks.metrics.decoding import GREEDY, Opening, chosen, continued

SHAPE = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
         "intermediate_size": 32, "max_position_embeddings": 64, "bos_token_id": None,
         "eos_token_id": None, "pad_token_id": 0, "initializer_range": 0.5}  # fmt: skip


@pytest.fixture(scope="module", params=["llama", "neox"])
def model(request):
    made = {"llama": (LlamaForCausalLM, LlamaConfig), "neox": (GPTNeoXForCausalLM, GPTNeoXConfig)}
    torch.manual_seed(1)
    network, config = made[request.param]
    return network(config(**SHAPE)).eval()


def prompts(count, drawn):
    """Of three lengths, with as many limits."""
    rng = np.random.default_rng(3)
    return [
        Opening(
            rng.integers(40, size=4 + at % 3).tolist(),
            6 + at % 4,
            rng.random(6 + at % 4) if drawn else GREEDY,
        )
        for at in range(count)
    ]


def test_greedy_is_what_the_library_generates(model):
    (opening,) = prompts(1, drawn=False)
    theirs = model.generate(
        torch.tensor([opening.ids]), max_new_tokens=opening.limit, do_sample=False
    )
    assert continued(model, [opening], None, 10) == [theirs[0, len(opening.ids) :].tolist()]


@pytest.mark.parametrize("drawn", [False, True])
def test_a_continuation_does_not_depend_on_its_batch(model, drawn):
    openings = prompts(12, drawn)
    alone = [continued(model, [one], None, 1)[0] for one in openings]
    assert continued(model, openings, None, 10_000) == alone
    assert continued(model, openings[::-1], None, 30) == alone[::-1]
    assert [len(ids) for ids in alone] == [one.limit for one in openings]
    assert len({tuple(ids) for ids in alone}) > 6


def test_it_ends_at_the_end_token_which_is_left_out(model):
    openings = prompts(12, drawn=True)
    whole = continued(model, openings, None, 100)
    end = whole[0][2]
    for ids, cut in zip(whole, continued(model, openings, end, 100), strict=True):
        assert cut == (ids[: ids.index(end)] if end in ids else ids)


def test_without_room_nothing_is_said(model):
    openings = [Opening([1, 2], 0, GREEDY), Opening([1, 2], 2, GREEDY)]
    nothing, something = continued(model, openings, None, 100)
    assert (nothing, len(something)) == ([], 2)
    assert continued(model, [], None, 100) == []


def test_a_chance_falls_on_the_token_whose_share_it_is_in():
    logits_BV = torch.tensor([0.25, 0.5, 0.25]).log().expand(5, 3)
    chances_B = torch.tensor([0.0, 0.24, 0.26, 0.74, 0.999], dtype=torch.float64)
    assert chosen(logits_BV, chances_B, 1.0).tolist() == [0, 0, 1, 1, 2]


def test_cold_draws_are_the_likeliest_token_and_no_chances_are_too():
    logits_BV = torch.tensor([[0.0, 1.0, 0.5]])
    assert chosen(logits_BV, torch.tensor([0.001], dtype=torch.float64), 0.01).tolist() == [1]
    assert chosen(logits_BV, torch.empty(0), 1.0).tolist() == [1]


def test_a_broken_model_still_says_tokens_that_there_are():
    logits_BV = torch.full((1, 3), torch.nan)
    assert 0 <= chosen(logits_BV, torch.tensor([0.5], dtype=torch.float64), 1.0).item() < 3
