import json
import re

import pytest

from flows import catalogue
from tasks.methods import COUPLINGS, TERMS
from tasks.methods.coupling import Normalised
from tasks.methods.likelihood import Ascent
from tasks.metrics import ATTACKS, METRICS, PROMPTS, VERBATIM
from tasks.training.method import PRESETS, Keep, Method

LISTS = {**catalogue.methods(), **catalogue.metrics()}
NAMES = {
    "presets": PRESETS, "terms": TERMS, "couplings": COUPLINGS,
    "weights": ["all", "matching", "low_rank"], "edits": ["trained", "task_vector", "model_state"],
    "metrics": METRICS, "attacks": ATTACKS, "verbatim": VERBATIM, "prompts": PROMPTS,
    "trials": ["relearn", "quantise"],
}  # fmt: skip


@pytest.mark.parametrize("title", NAMES)
def test_everything_there_is_has_a_line(title):
    rows = LISTS[title]
    assert [row["name"] for row in rows] == list(NAMES[title])
    assert all(row["what"] and "\n" not in row["what"] for row in rows)
    assert all(len(row["what"]) <= 110 for row in rows)


def test_every_term_names_its_paper_once():
    for row in LISTS["terms"]:
        assert re.fullmatch(catalogue.PAPER, row["source"])
        assert row["source"] not in row["what"]


def test_knobs_are_those_of_the_class():
    (satimp,) = (row for row in LISTS["terms"] if row["name"] == "satimp")
    assert satimp["knobs"] == {"beta1": 5.0, "beta2": 1.0}
    assert satimp["source"] == "arXiv:2505.11953"


def test_a_method_is_said_as_a_sum():
    keep = (Keep(weight=1.5), Keep(split="general"))
    method = Method(forget=Ascent(), keep=keep, coupling=Normalised())
    assert catalogue.objective(method) == (
        "ascent on forget + 1.5 x descent on retain + 1 x descent on general, normalised"
    )
    assert catalogue.objective(PRESETS["task_vector"]) == "descent on forget, task_vector"
    assert catalogue.objective(PRESETS["residual_alignment"]) == (
        "shift on forget + 1 x hold on retain, low_rank weights"
    )


def test_both_renderings_say_the_same():
    text = catalogue.as_text(LISTS)
    assert all(
        row["name"] in text and row["what"] in text for rows in LISTS.values() for row in rows
    )
    assert json.loads(json.dumps(LISTS)) == LISTS
