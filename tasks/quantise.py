"""Step: the same model with its weights in fewer bits."""

from pathlib import Path

from prefect import task

from tasks.core.record import Identity, Record, keep
from tasks.training.model import load
from tasks.training.rounding import Format, rounded
from tasks.training.trials import Quantise

ROOMS = ("quantise", "training/model", "training/rounding")


@task(task_run_name="quantise-{config.weights}")
def quantise(model: Record, config: Quantise) -> Record:
    """``model`` after rounding, as safetensors that any load reads."""
    identity = Identity(kind="model", config=config, inputs=(model,), rooms=ROOMS)
    return keep(identity, lambda scratch: _rounded(model.path, config.weights, scratch))


def _rounded(folder: Path, weights: Format, out: Path) -> None:
    model, tokenizer = load(folder)
    rounded(model, weights).save_pretrained(out)
    tokenizer.save_pretrained(out)
