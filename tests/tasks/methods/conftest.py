"""Models whose every probability is known."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn


class Known(nn.Module):
    """Gives each next token the odds in its table, whatever it read."""

    def __init__(self, *odds):
        super().__init__()
        self.logits = nn.Parameter(torch.log(torch.tensor(odds)))
        self.config = SimpleNamespace(vocab_size=len(odds))

    def forward(self, input_ids, use_cache):
        return SimpleNamespace(logits=self.logits.expand(*input_ids.shape, -1))


@pytest.fixture
def known():
    """Makes a model of fixed odds."""
    return Known
