"""Step: make a model forget."""

import shutil
from pathlib import Path
from typing import Self

from prefect import task
from pydantic import Field, field_validator, model_validator

from tasks.core.errors import ModelError
from tasks.core.record import Identity, Record, keep
from tasks.core.settings import Settings
from tasks.core.variants import Section
from tasks.track import follow
from tasks.training import ROOMS
from tasks.training.edit import Added, Arithmetic, Change
from tasks.training.job import EARLIER, Job, Part
from tasks.training.launcher import launch
from tasks.training.loop import OptimiserConfig
from tasks.training.method import PRESETS, Method, Preset, preset
from tasks.training.probes import Probes
from tasks.training.stop import AllSteps, AnyStop


class UnlearnConfig(Section):
    """Everything that decides the unlearned weights, and nothing that does not."""

    method: Method = Field(
        default=PRESETS["ascent_descent"], description="a forget term and what keeps the rest"
    )
    steps: int = Field(default=40, ge=1, le=100_000, description="optimiser steps, at most")
    stop: AnyStop = Field(
        default=AllSteps(), description="when fewer are enough, and which of them is kept"
    )
    context: int = Field(
        default=2048,
        ge=2,
        le=2**20,
        description="tokens read at once, or fewer where the model's own context is shorter",
    )
    optimiser: OptimiserConfig = OptimiserConfig(learning_rate=1e-4, tokens_per_step=2048)
    probes: Probes = Probes(splits=("forget", "retain", "approximate"), tokens=2048, every=2)

    @field_validator("method", mode="before", json_schema_input_type=Preset | Method)
    @classmethod
    def _by_name(cls, method: object) -> object:
        return preset(method, "unlearn.method") if isinstance(method, str) else method

    @model_validator(mode="after")
    def _sees_what_it_stops_by(self) -> Self:
        if unseen := self.stop.reads - {*self.probes.splits}:
            raise ValueError(
                f"{self.stop.name} judges by {', '.join(sorted(unseen))}, which is not probed: "
                "add it to unlearn.probes.splits"
            )
        if self.stop.reads and isinstance(self.method.edit, Arithmetic):
            raise ValueError(
                f"{self.method.edit.name} makes the weights after the last step and cannot stop by "
                f"{self.stop.name}: leave unlearn.stop at all_steps"
            )
        return self

    def varied(self, method: Method, learning_rate: float, seed: int) -> "UnlearnConfig":
        """The same with another method, learning rate and order of the documents."""
        changed = {"learning_rate": learning_rate, "seed": seed}
        optimiser = self.optimiser.model_copy(update=changed)
        return type(self)(**{**dict(self), "method": method, "optimiser": optimiser})


@task
def unlearn(target: Record, data: Record, config: UnlearnConfig) -> Record:
    """The target after it has forgotten.

    Raises:
        DivergedError: the loss became infinite or NaN; nothing is kept.
        ModelError: an earlier checkpoint is asked for, and none was kept of the target.
    """
    identity = Identity(
        kind="model", config=config, inputs=(target, data), rooms=("unlearn", *ROOMS)
    )
    folder = Settings().root / "checkpoints" / identity.fingerprint
    record = keep(identity, lambda scratch: _run(jobs_of(target, data, config, folder, scratch)))
    shutil.rmtree(folder, ignore_errors=True)
    return record


def jobs_of(
    target: Record, data: Record, config: UnlearnConfig, folder: Path, out: Path
) -> list[Job]:
    """What the process that computes is told, once or more; the last job leaves the weights.

    The forget term comes first, then what keeps the rest.

    Raises:
        ModelError: an earlier checkpoint is asked for, and none was kept of the target.
    """
    method = config.method
    whole = Job(
        start=target.path,
        data=data.path,
        out=out,
        folder=folder,
        parts=(
            Part(term=method.forget, splits=("forget",)),
            *(Part(term=k.term, splits=(k.split,), weight=k.weight) for k in method.keep),
        ),
        coupling=method.coupling,
        weights=method.weights,
        context=config.context,
        optimiser=config.optimiser,
        steps=config.steps,
        stop=config.stop,
        probes=config.probes,
        checkpoint_seconds=Settings().checkpoint_seconds,
    )
    return _apart(whole, method.edit) if isinstance(method.edit, Arithmetic) else [whole]


def _apart(whole: Job, edit: Arithmetic) -> list[Job]:
    """A job for every side of ``whole``; the last adds the changes of all to the target."""
    start = _earlier(whole.start) if edit.from_earlier else whole.start
    times = [-edit.forget, *(part.weight for part in whole.parts[1:])]
    folders = [whole.folder / f"side-{at}" for at in range(len(times))]
    changes = [
        Change(folder=folder / "out", times=count)
        for folder, count in zip(folders, times, strict=True)
    ]
    sides = [
        whole.model_copy(
            update={
                "start": start,
                "out": change.folder,
                "folder": folder,
                "parts": (part.model_copy(update={"weight": 1.0}),),
                "probes": Probes(),
            }
        )
        for part, folder, change in zip(whole.parts, folders, changes, strict=True)
    ]
    added = Added(to=whole.start, times=times[-1], others=tuple(changes[:-1]))
    last = {"out": whole.out, "probes": whole.probes, "added": added}
    return [*sides[:-1], sides[-1].model_copy(update=last)]


def _earlier(target: Path) -> Path:
    if (target / EARLIER).is_dir():
        return target / EARLIER
    raise ModelError(
        "unlearn.method.edit.name=model_state: no earlier checkpoint of the target was kept; set "
        "model.earlier_share, or model.earlier_path where the model is given"
    )


def _run(jobs: list[Job]) -> None:
    for job in jobs:
        follow(launch(job), "unlearning", job.steps)
