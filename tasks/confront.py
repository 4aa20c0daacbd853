"""Step: what every trial brings back of the unlearned model, beside the retrained one."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from prefect import task

from tasks.core.event import Role
from tasks.core.record import Identity, Record, keep
from tasks.core.variants import Section
from tasks.data.halves import TAUGHT
from tasks.metrics import ATTACKS, METRICS, VERBATIM, evidence, scores
from tasks.metrics.leak_at_k import leak_at_k
from tasks.metrics.paired import Four, Sample, paired
from tasks.metrics.prompts import CONTINUATIONS, PLAIN, SAMPLED
from tasks.metrics.statistics import Sampling
from tasks.pages.stress import BEST_OF, UNTOUCHED, figure, page

ROOMS = ("confront", "data/halves", "metrics", "pages")
BOTH: tuple[Role, ...] = ("unlearned", "retrained")
KNOWN = ("exact_memorisation", "extraction_strength")
Samples = Mapping[str, Sample]
"""By measure, forgotten documents in the order of their split."""


class Tried(Section):
    """A model after a trial, and what was read of it."""

    trial: str
    role: Role
    model: Record
    evidence: Record
    continuations: Record


class Compared(Section):
    """What a comparison depends on beside what was read."""

    trials: tuple[tuple[str, Role], ...]
    resamples: int
    confidence: float
    seed: int


@task
def confront(tried: Sequence[Tried], sampling: Sampling) -> Record:
    """Table, figure, and a cell per trial and measure.

    ``tried`` has the target, the unlearned and the retrained model untouched, and the latter two
    after every trial.
    """
    compared = Compared(trials=tuple((one.trial, one.role) for one in tried), **sampling._asdict())
    inputs = tuple(
        record for one in tried for record in (one.model, one.evidence, one.continuations)
    )

    def make(scratch: Path) -> None:
        cells = list(_cells(tried, sampling))
        scores.write(cells, scratch / "cells.json")
        (scratch / "table.md").write_text(page(cells, sampling.confidence))
        figure(cells).savefig(scratch / "plot.png", dpi=150)

    return keep(Identity(kind="stress", config=compared, inputs=inputs, rooms=ROOMS), make)


def cells_of(record: Record) -> list[dict[str, Any]]:
    """The cells of a comparison, numbers that could not be measured as None."""
    cells: list[dict[str, Any]] = json.loads((record.path / "cells.json").read_text())
    return cells


def _cells(tried: Sequence[Tried], sampling: Sampling) -> Iterator[dict[str, Any]]:
    by_trial = {(one.trial, one.role): one for one in tried}
    untouched = {one.role: one for one in tried if one.trial == UNTOUCHED}
    for trial in dict.fromkeys(one.trial for one in tried):
        after = {role: by_trial[trial, role] for role in BOTH}
        taught = _taught(after["unlearned"].model)
        before, now = (
            {role: _read(one, taught) for role, one in side.items()} for side in (untouched, after)
        )
        yield from _held(trial, before, now, sampling)
    asked = {role: _asked(one) for role, one in untouched.items()}
    plainly = {role: by_prompt[PLAIN] for role, by_prompt in asked.items()}
    for name in asked["unlearned"]:
        if name != PLAIN:
            said = {role: by_prompt[name] for role, by_prompt in asked.items()}
            yield from _held(name, plainly, said, sampling)


def _held(
    trial: str,
    before: Mapping[Role, Samples],
    after: Mapping[Role, Samples],
    sampling: Sampling,
) -> Iterator[dict[str, Any]]:
    """A cell for every measure; the target is as the trial left it where it was tried, too."""
    for measure, unlearned in after["unlearned"].items():
        four = Four(
            before["unlearned"][measure], unlearned,
            before["retrained"][measure], after["retrained"][measure],
        )  # fmt: skip
        target = {**before, **after}["target"][measure].value
        found = paired(four, sampling)._asdict()
        yield {"trial": trial, "measure": measure, "target": target, **found}


def _read(one: Tried, taught: set[str]) -> Samples:
    """Every measure of the forgotten documents that were not taught, of all where all were."""
    members = evidence.read(one.evidence.path / "forget.parquet")
    unseen = evidence.read(one.evidence.path / "approximate.parquet")
    tested = ~np.isin(members.doc_ids, sorted(taught))
    tested = tested if tested.any() else ~tested
    likelihood = ATTACKS["loss"]
    said = _asked(one)[PLAIN]
    return {
        "log_probability": Sample(likelihood.per_document(members)[tested]),
        **{name: Sample(METRICS[name].per_document(members)[tested]) for name in KNOWN},
        "membership_auc": Sample(
            likelihood.per_document(members)[tested], likelihood.per_document(unseen)
        ),
        **{name: Sample(sample.documents[tested]) for name, sample in said.items()},
    }


def _asked(one: Tried) -> dict[str, Samples]:
    """How much came back of every forgotten document, by prompt; of drawn ones, the worst."""
    told = pd.read_parquet(one.continuations.path / CONTINUATIONS)
    found: dict[str, Samples] = {}
    for name, rows in told.groupby("prompt", sort=False):
        by_draw = {
            measure: rows.pivot(index="doc_id", columns="draw", values=measure)
            .loc[rows["doc_id"].unique()]
            .to_numpy()
            for measure in VERBATIM
        }
        samples = rows["draw"].nunique()
        label = BEST_OF.format(samples) if name == SAMPLED else str(name)
        found[label] = {
            measure: Sample(leak_at_k(values_DN, samples)) for measure, values_DN in by_draw.items()
        }
    return found


def _taught(model: Record) -> set[str]:
    """The ids of the documents that ``model`` was taught again; none where it was not."""
    path = model.path / TAUGHT
    return set(json.loads(path.read_text())) if path.exists() else set()
