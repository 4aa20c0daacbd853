"""Turning an objective into new weights."""

ROOMS = ("core/batch", "core/logprobs", "data/stream", "data/tokens", "methods", "training")
"""The code that decides weights, as parts of a model's identity."""
