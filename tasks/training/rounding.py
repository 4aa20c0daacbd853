"""Weights in fewer bits, as people deploy them, and back in the format every load reads.

What few bits cannot hold is lost, and may be just what unlearning changed (arXiv:2410.16454). Only
weights are rounded here: a deployment that also computes in fewer bits rounds more.
"""

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

Format = Literal["bfloat16", "float16", "int8", "nf4"]
FORMATS: tuple[Format, ...] = get_args(Format)
HALVES = {"bfloat16": torch.bfloat16, "float16": torch.float16}
NF4_BLOCK = 64
"""Weights that share a scale; what bitsandbytes and transformers take unless told otherwise."""


@torch.no_grad()
def rounded(model: PreTrainedModel, weights: Format) -> PreTrainedModel:
    """``model``, changed in place.

    bfloat16 and float16 are of every weight, as in an export. int8 (LLM.int8(), arXiv:2208.07339: a
    scale for every output) and nf4 (QLoRA, arXiv:2305.14314: a scale for 64 weights, itself not
    quantised) are of the matrices of linear layers; embeddings, norms, biases and the output layer
    stay as they are.
    """
    if weights in HALVES:
        model.to(HALVES[weights])  # type: ignore[arg-type]  # transformers wraps it untyped
        return model
    for module in _linear(model):
        matrix_OI = module.weight.T if isinstance(module, Conv1D) else module.weight
        near_OI = _near(matrix_OI.contiguous(), weights).to(module.weight.dtype)
        module.weight.copy_(near_OI.T if isinstance(module, Conv1D) else near_OI)
    return model


def _linear(model: PreTrainedModel) -> list[nn.Linear | Conv1D]:
    last = model.get_output_embeddings()
    return [
        module
        for module in model.modules()
        if isinstance(module, nn.Linear | Conv1D) and module is not last
    ]


def _near(matrix_OI: Tensor, weights: Format) -> Tensor:
    """The nearest that the format can hold, read back."""
    import bitsandbytes.functional as bnb  # it takes seconds, and few commands need it

    near_OI: Tensor
    if weights == "int8":
        codes_OI, scales_O, _ = bnb.int8_vectorwise_quant(matrix_OI.half())
        near_OI = bnb.int8_vectorwise_dequant(codes_OI, scales_O)
    else:
        codes, state = bnb.quantize_4bit(matrix_OI, quant_type="nf4", blocksize=NF4_BLOCK)
        near_OI = bnb.dequantize_4bit(codes, state)
    return near_OI
