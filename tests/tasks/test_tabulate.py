"""Verdicts side by side: factors worked by hand, and a run that gave none."""

import json
import math

import pandas as pd
import pytest

from tasks.core.record import Record
from tasks.metrics.spending import spending
from tasks.tabulate import Cell, table, tabulate, write
from tasks.training.method import PRESETS


def verdict(folder, comparator):
    splits = ("forget", "retain", "approximate", "test")

    def scores(*perplexities):
        return {
            split: {"perplexity": value, "extraction_strength": 0.25}
            for split, value in zip(splits, perplexities, strict=True)
        }

    told = {
        "verdict": {
            "pass": False,
            "comparator": comparator,
            "cost": {
                "tokens": 1e6, "flops": 6e12, "seconds": None, "peak_memory_bytes": 2**31,
                "ratio": 12.0, "parameters": 1e6, "retrain_flops": 7.2e13,
            },
            "reasons": [{"rule": "forgotten", "passed": True}, {"rule": "test_perplexity", "passed": False}],
        },
        "scores": {
            "target": scores(2.0, 4.0, 10.0, 10.0),
            "unlearned": scores(6.0, 5.0, 12.0, 15.0),
            "retrained": scores(8.0, 4.0, 10.0, 10.0),
        },
        "attacks": {"unlearned": {"loss": {"auc": 0.6}}},
    }  # fmt: skip
    folder.mkdir()
    for name, content in told.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return Record(kind="verdict", fingerprint=folder.name, path=folder)


def read(record):
    return pd.read_json(record.path / "cells.json")


def cell(verdict):
    return Cell(request="book", method="ascent_kl", learning_rate=1e-3, seed=0, verdict=verdict)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Of two runs, the first of which diverged."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LETHE_ARTIFACTS", str(folder / "artifacts"))
        return tabulate.fn(
            [cell("loss became nan at step 3"), cell(verdict(folder / "v", "retrained"))]
        )


def test_factors_are_relative_to_the_retrained_model_and_the_target(study):
    _, row = table(study)
    assert row["forget_factor"] == pytest.approx(6 / 8)
    assert row["test_factor"] == pytest.approx(15 / 10)
    assert row["retain_factor"] == pytest.approx(5 / 4)
    assert row["fails_on"] == "test_perplexity"


def test_without_a_retrained_model_the_targets_approximate_split_stands_for_it(tmp_path):
    (row,) = table(tabulate.fn([cell(verdict(tmp_path / "v", "approximate"))]))
    assert row["forget_factor"] == pytest.approx(6 / 10)


def test_a_run_that_diverged_is_a_row_that_fails_with_nothing_measured(study):
    lost, _ = table(study)
    assert not lost["pass"]
    assert lost["forget_factor"] is None
    assert "nan at step 3" in (study.path / "table.md").read_text()
    assert (study.path / "plot.png").stat().st_size > 1000


def test_cost_stands_beside_what_known_models_took(study):
    (row,) = spending(read(study)).to_dict("records")
    assert row["tokens"] == 1e6
    assert math.isnan(row["seconds"])
    assert row["peak_memory_gib"] == 2.0
    assert row["Yi-6B"] == pytest.approx(3.1e12 / 1e6)
    page = (study.path / "cost.md").read_text()
    assert "| ascent_kl | 1e+06 | 6e+12 | - | - | 2 | 1e+06 | 1e+06 | 12 | - |" in page
    assert "Training again here took 7.2e+13 FLOP" in page
    assert "| ascent_kl, here | 1e+06 | Yi-6B |" in page
    assert "**For the published runs: holds for OLMo-1B, OLMo-2-1B, Yi-6B, does not" in page


def test_the_claim_about_robustness_is_judged_on_the_page(study):
    page = (study.path / "robustness.md").read_text()
    assert "**Share of learning rates that pass the gate: undecided.**" in page
    assert "**Decades of learning rate with forget perplexity" in page


def test_a_study_is_written_again_from_its_cells_alone(study, tmp_path):
    write(read(study), tmp_path)
    for name in (
        "table.md",
        "robustness.md",
        "cost.md",
        "cells.json",
        "cost.png",
        "robustness.png",
    ):
        assert (tmp_path / name).read_bytes() == (study.path / name).read_bytes(), name


def test_cells_of_a_study_that_did_not_measure_energy_are_written_all_the_same(study, tmp_path):
    older = read(study).drop(columns=["joules", "parameters", "retrain_flops", "seconds_ratio"])
    write(older, tmp_path)
    assert (
        "| ascent_kl | 1e+06 | 6e+12 | - | - | 2 | - | - | 12 |"
        in (tmp_path / "cost.md").read_text()
    )


def test_a_study_in_which_every_run_diverged_still_has_its_pages():
    record = tabulate.fn([cell("loss became nan")])
    assert "| ascent_kl | all | 0 | 1 | 0 |" in (record.path / "robustness.md").read_text()
    assert (record.path / "cost.png").exists()


def test_a_plot_has_room_for_every_method_there_is(tmp_path):
    cells = [
        Cell(
            request="r",
            method=name,
            learning_rate=1e-4,
            seed=seed,
            verdict=verdict(tmp_path / f"{name}{seed}", "retrained"),
        )
        for name in PRESETS
        for seed in (0, 1)
    ]
    assert len(table(tabulate.fn(cells))) == 2 * len(PRESETS)
