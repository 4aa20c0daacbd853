"""Runs set side by side: figures worked by hand, and a run that gave none."""

import json
import math

import pandas as pd
import pytest

from tasks.contrast import Cell, ContrastConfig, Outcome, contrast, verdicts
from tasks.core.record import Record
from tasks.data.planting import KINDS

CONFIG = ContrastConfig(exposure=0.25, resamples=200)
NEVER = 3.0
"""Loss of every document, in nats per token, under the model that never saw it."""


class Made:
    """Records as the study's steps leave them."""

    def __init__(self, folder):
        self.folder = folder

    def record(self, kind, name, files, config=None):
        path = self.folder / f"{kind}-{name}"
        path.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            (path / file).write_text(content)
        return Record(kind=kind, fingerprint=name, path=path, config=config or {})

    def data(self, kind):
        record = self.record("planted", kind, {})
        rows = [
            {"doc_id": f"{kind}:{times}:{at}", "times": times}
            for times in (1, 16)
            for at in range(3)
        ]
        pd.DataFrame(rows).to_parquet(record.path / "forget.parquet")
        return record

    def said(self, name, bits, unseen):
        rows = [
            {
                "doc_id": f"{kind}:{times}:{at}",
                "tokens": 50,
                "loss": NEVER,
                "bits": bits if kind == "canary" else math.nan,
                "standard_error": 0.0,
                "at_least": False,
            }
            for kind in KINDS
            for times in (1, 16)
            for at in range(3)
        ]
        files = {"losses.json": json.dumps(rows), "unseen.json": json.dumps({"loss": unseen})}
        return self.record("losses", name, files)

    def cell(self, kind, seed, faster, dearer):
        """Exposure from 0.2 (read once) and 1 (16 times) falls by ``faster`` a step."""
        lines = []
        for step in range(0, 9, 2):
            exposures = [max(start - faster * step, 0) for start in [0.2] * 3 + [1.0] * 3]
            lines.append(
                {
                    "step": step,
                    "test_nll": 4 + dearer * step,
                    **{f"document_{at}_nll": NEVER - one for at, one in enumerate(exposures)},
                }
            )
        return Cell(
            method="ascent_descent",
            kind=kind,
            seed=seed,
            data=self.data(kind),
            target=self.said("target", 9.0, 4.0),
            retrained=self.said("retrained", 1.5, 4.125),
            outcome=Outcome(
                unlearned=self.record(
                    "model",
                    f"{kind}{seed}",
                    {"progress.jsonl": "\n".join(map(json.dumps, lines))},
                    {"optimiser": {"tokens_per_step": 600}},
                ),
                losses=self.said("after", 2.0, 4.0),
            ),
        )


@pytest.fixture
def cells(tmp_path):
    """Natural text is forgotten in half the steps of the others and costs ten times as much."""
    made = Made(tmp_path)
    return [
        made.cell(kind, seed, *((0.25, 0.1) if kind == "natural" else (0.125, 0.01)))
        for kind in KINDS
        for seed in (0, 1)
    ]


def rows(record):
    told = json.loads((record.path / "cells.json").read_text())
    return {(row["kind"], row["times"], row["difficulty"]): row for row in told}


def test_steps_and_utility_are_those_of_the_curves(cells):
    told = rows(contrast.fn(cells, CONFIG))
    natural, canary = told["natural", 16, "all"], told["canary", 16, "all"]
    # 1 - 0.25 s reaches 0.25 at step 3, where test loss rose by 0.3; 1 - 0.125 s at 6, by 0.06
    for row, steps, lost in ((natural, 3.0, 0.3), (canary, 6.0, 0.06)):
        assert row["start"] == pytest.approx(1)
        assert [row["steps"], row["steps_low"], row["steps_high"]] == pytest.approx([steps] * 3)
        assert row["lost"] == pytest.approx(lost)
        assert (row["documents"], row["seeds"]) == (3, 2)
    assert natural["damage"] == pytest.approx(0.8)
    # a step reads 600 tokens of 6 documents of 50
    assert natural["passes_per_step"] == 2.0
    assert natural["unseen"] == 0.125
    assert told["natural", 1, "all"]["steps"] == 0.0


def test_there_is_a_cell_for_every_kind_number_of_readings_and_difficulty(cells):
    told = rows(contrast.fn(cells, CONFIG))
    assert len(told) == 4 * (2 + 1) * (3 + 1)
    assert told["natural", "all", "hard"]["documents"] == 2
    assert told["natural", 16, "hard"]["documents"] == 1


def test_claims_are_judged_by_what_was_measured(cells):
    record = contrast.fn(cells, CONFIG)
    assert [one["verdict"] for one in verdicts(record)] == [
        "holds", "holds", "holds", "holds", "undecided",
    ]  # fmt: skip


def test_canaries_have_their_bits_before_after_and_never_seen(cells):
    record = contrast.fn(cells, CONFIG)
    assert (
        "| ascent_descent | 16 | 3 x 2 | 9.00 ± 0.00 | 2.00 ± 0.00 | 1.50 ± 0.00 |"
        in (record.path / "canaries.md").read_text()
    )
    assert rows(record)["natural", 16, "all"]["bits_before"] is None


def test_a_run_that_diverged_is_told_and_the_others_stand(cells):
    lost = cells[1].model_copy(update={"outcome": "loss became nan at step 3"})
    record = contrast.fn([cells[0], lost, *cells[2:]], CONFIG)
    assert rows(record)["natural", 16, "all"]["seeds"] == 1
    assert (
        "ascent_descent, natural, seed 1: loss became nan at step 3"
        in (record.path / "table.md").read_text()
    )


def test_what_is_never_reached_says_so(cells):
    record = contrast.fn(cells, CONFIG.model_copy(update={"exposure": 0.0}))
    row = rows(record)["canary", 16, "all"]
    assert row["steps"] == pytest.approx(8.0)
    slow = contrast.fn(cells[2:], CONFIG.model_copy(update={"exposure": 0.0}))
    assert verdicts(slow) == []  # there is no natural text to compare with
    assert (record.path / "figure.png").stat().st_size > 10_000
