"""Step: teach a model what it has forgotten, to see how soon it comes back.

A model that never saw the text learns it too, so what a teacher gets out of an unlearned model is
only read beside what the same lesson makes of the retrained one. With half of the text for the
lesson and the other half for the test (arXiv:2410.08827) what comes back was not taught.
"""

import json
import shutil
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
from prefect import task

from tasks.core.errors import ConfigError
from tasks.core.record import Identity, Record, keep
from tasks.core.settings import Settings
from tasks.data.halves import TAUGHT, half
from tasks.methods.likelihood import Descent
from tasks.track import follow
from tasks.training import ROOMS
from tasks.training.job import Job, Part
from tasks.training.launcher import launch
from tasks.training.probes import Probes
from tasks.training.trials import Relearn


@task(task_run_name="relearn-{config.on}")
def relearn(model: Record, data: Record, config: Relearn) -> Record:
    """``model`` after the lesson.

    Raises:
        ConfigError: the forget set is one cluster, of which no half can be kept from the other.
        DivergedError: the loss became infinite or NaN; nothing is kept.
    """
    rooms = ("relearn", "data/halves", *ROOMS)
    identity = Identity(kind="model", config=config, inputs=(model, data), rooms=rooms)
    folder = Settings().root / "checkpoints" / identity.fingerprint
    record = keep(identity, lambda scratch: _taught(model, data, config, folder, scratch))
    shutil.rmtree(folder, ignore_errors=True)
    return record


def _taught(model: Record, data: Record, config: Relearn, folder: Path, out: Path) -> None:
    lesson = folder / "lesson"
    lesson.mkdir(parents=True, exist_ok=True)
    whole = pq.read_table(data.path / "forget.parquet")
    ids = _half(data, config.optimiser.seed) if config.on == "half" else whole["doc_id"].to_pylist()
    pq.write_table(whole.filter(pc.field("doc_id").isin(ids)), lesson / "forget.parquet")
    job = Job(
        start=model.path,
        data=lesson,
        out=out,
        folder=folder,
        parts=(Part(term=Descent(), splits=("forget",)),),
        context=config.context,
        optimiser=config.optimiser,
        steps=config.steps,
        probes=Probes(every=config.steps),
        checkpoint_seconds=Settings().checkpoint_seconds,
    )
    follow(launch(job), "relearning", job.steps)
    (out / TAUGHT).write_text(json.dumps(sorted(ids)))


def _half(data: Record, seed: int) -> list[str]:
    filters = [("split", "==", "forget")]
    assigned = pq.read_table(data.path / "assignment.parquet", filters=filters).to_pandas()
    if assigned["cluster"].nunique() < 2:
        raise ConfigError(
            "the forget set is a single cluster of near-duplicates, so no half of it is disjoint "
            "from the other: leave relearn on half out of stress.trials"
        )
    return half(assigned, seed)
