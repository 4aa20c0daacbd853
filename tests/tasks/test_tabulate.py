"""Verdicts side by side: factors worked by hand, and a run that gave none."""

import json

import pytest

from tasks.core.record import Record
from tasks.tabulate import Cell, table, tabulate


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


def cell(verdict):
    return Cell(request="book", method="ascent_kl", learning_rate=1e-3, verdict=verdict)


def test_factors_are_relative_to_the_retrained_model_and_the_target(tmp_path):
    (row,) = table(tabulate.fn([cell(verdict(tmp_path / "v", "retrained"))]))
    assert row["forget_factor"] == pytest.approx(6 / 8)
    assert row["test_factor"] == pytest.approx(15 / 10)
    assert row["retain_factor"] == pytest.approx(5 / 4)
    assert row["fails_on"] == "test_perplexity"


def test_without_a_retrained_model_the_targets_approximate_split_stands_for_it(tmp_path):
    (row,) = table(tabulate.fn([cell(verdict(tmp_path / "v", "approximate"))]))
    assert row["forget_factor"] == pytest.approx(6 / 10)


def test_a_run_that_diverged_is_a_row_that_fails_with_nothing_measured(tmp_path):
    record = tabulate.fn(
        [cell("loss became nan at step 3"), cell(verdict(tmp_path / "v", "retrained"))]
    )
    lost, _ = table(record)
    assert not lost["pass"]
    assert lost["forget_factor"] is None
    assert "nan at step 3" in (record.path / "table.md").read_text()
    assert (record.path / "plot.png").stat().st_size > 1000
