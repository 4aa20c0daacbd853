"""Where a killed step goes on: weights, optimiser, step number and random state, in one folder.

A checkpoint is written beside the last one and takes its place by a rename, so there is always a
whole one. Nothing is pickled: tensors are safetensors, the rest is JSON with a digest of each file.
"""

import json
import os
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tasks.core.record import digests
from tasks.training.weights import learning

STATE, BEST = "state.json", "best.safetensors"


def save(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, step: int, best: Path
) -> None:
    """Keep everything that decides the steps after ``step``, and what ``best`` holds, if any."""
    scratch = folder.with_name(f"{folder.name}.scratch")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        if best.exists():
            os.link(best, scratch / BEST)
        _write(scratch, model, optimizer, step)
    except BaseException:
        shutil.rmtree(scratch)  # on a full disk, room to say so
        raise
    previous = folder.with_name(f"{folder.name}.previous")
    if folder.exists():  # else the previous one is the only one there is
        shutil.rmtree(previous, ignore_errors=True)
        folder.rename(previous)
    scratch.rename(folder)
    shutil.rmtree(previous, ignore_errors=True)


def _write(scratch: Path, model: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    write_weights(scratch / "model.safetensors", model)
    save_file(_moments(optimizer), scratch / "optimizer.safetensors")
    save_file({"cpu": torch.get_rng_state()}, scratch / "random.safetensors")
    (scratch / STATE).write_text(json.dumps({"step": step, "files": digests(scratch)}))


def resume(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, best: Path) -> int:
    """Put the last whole checkpoint into ``model`` and ``optimizer``; the steps it has behind it.

    ``best`` is then what it was at that step. Without one that is whole the answer is 0 and nothing
    is changed.
    """
    for candidate in (folder, folder.with_name(f"{folder.name}.previous")):
        if (step := _whole(candidate)) is not None:
            read_weights(candidate / "model.safetensors", model)
            _restore(optimizer, load_file(candidate / "optimizer.safetensors"))
            torch.set_rng_state(load_file(candidate / "random.safetensors")["cpu"])
            best.unlink(missing_ok=True)
            if (candidate / BEST).exists():
                os.link(candidate / BEST, best)
            return step
    return 0


def write_weights(path: Path, model: nn.Module) -> None:
    """The weights that learn alone, where nobody can find half of them."""
    scratch = path.with_suffix(".scratch")
    try:
        save_file({name: p.detach().contiguous() for name, p in learning(model).items()}, scratch)
    except BaseException:
        scratch.unlink(missing_ok=True)  # on a full disk, room to say so
        raise
    scratch.rename(path)


@torch.no_grad()
def read_weights(path: Path, model: nn.Module) -> None:
    """Put what ``write_weights`` wrote into ``model``."""
    weights = load_file(path)
    for name, parameter in learning(model).items():
        parameter.copy_(weights[name])


def _whole(folder: Path) -> int | None:
    if not (folder / STATE).is_file():
        return None
    try:
        state = json.loads((folder / STATE).read_text())
    except ValueError:
        return None
    held = {name: digest for name, digest in digests(folder).items() if name != STATE}
    return int(state["step"]) if held == state["files"] else None


def _moments(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    state = optimizer.state_dict()["state"]
    return {
        f"{at}.{name}": torch.as_tensor(value).contiguous()
        for at, moments in state.items()
        for name, value in moments.items()
    }


def _restore(optimizer: torch.optim.Optimizer, moments: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in moments.items():
        at, _, name = key.partition(".")
        state.setdefault(int(at), {})[name] = value
    whole = optimizer.state_dict()
    optimizer.load_state_dict({"state": state, "param_groups": whole["param_groups"]})
