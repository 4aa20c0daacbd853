"""Scores by name: a missing or infinite number is NaN or infinite in memory, null in JSON."""

import json
import math
from pathlib import Path
from typing import Any


def write(scores: Any, path: Path) -> None:
    """Nested dicts and lists of numbers, as JSON that any reader accepts."""
    path.write_text(json.dumps(_with_null(scores), indent=2, allow_nan=False))


def read(path: Path) -> Any:
    """What ``write`` wrote, with NaN wherever it says null."""
    return _with_nan(json.loads(path.read_text()))


def _with_null(scores: Any) -> Any:
    if isinstance(scores, dict):
        return {name: _with_null(value) for name, value in scores.items()}
    if isinstance(scores, list | tuple):
        return [_with_null(value) for value in scores]
    if isinstance(scores, float) and not math.isfinite(scores):
        return None
    return scores


def _with_nan(scores: Any) -> Any:
    if isinstance(scores, dict):
        return {name: _with_nan(value) for name, value in scores.items()}
    if isinstance(scores, list):
        return [_with_nan(value) for value in scores]
    return math.nan if scores is None else scores
