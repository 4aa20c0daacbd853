import json
import math

import pytest

from tasks.metrics import METRICS, PROMPTS, VERBATIM
from tasks.pages import stress
from tasks.pages.stress import MEASURES, TRIALS, UNTOUCHED, figure, page, said, verdict
from tasks.training.rounding import FORMATS


def cell(trial="relearn", measure="log_probability", difference=0.3, around=0.1, **changes):
    return {
        "trial": trial, "measure": measure, "target": -0.5, "documents": 40,
        "unlearned_before": -1.5, "unlearned": -1.0, "retrained_before": -1.6, "retrained": -1.3,
        "difference": difference, "low": difference - around, "high": difference + around,
        "gain": 0.2, "gain_low": 0.1, "gain_high": 0.25, **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("difference", "told"), [(0.3, "more"), (-0.3, "less"), (0.05, "alike"), (math.nan, "unknown")]
)
def test_a_verdict_is_what_the_interval_says(difference, told):
    assert verdict(cell(difference=difference)) == told


def test_a_sentence_has_the_figures_and_where_the_trial_comes_in():
    (line,) = said([cell()])
    assert line == (
        "Relearning the forget text: the unlearned model gives back more than a model that never "
        "saw the text (log-probability, nats per token: -1 against -1.3, +0.3 [+0.2, +0.4]; "
        "+0.2 [+0.1, +0.25] of it came with the trial)."
    )


def test_measures_that_say_otherwise_are_named_and_no_others():
    cells = [
        cell(),
        cell(measure="rouge_l", difference=0.01),
        cell(measure="membership_auc", difference=-0.4),
        cell(measure="exact_memorisation"),
    ]
    (line,) = said(cells[::-1])
    assert line.endswith("; less by membership AUC of the loss and alike by ROUGE-L of words.")


def test_what_could_not_be_measured_is_said_and_drawn_as_missing():
    missing = cell(difference=math.nan, gain=math.nan)
    assert said([missing]) == ["Relearning the forget text: nothing could be measured."]
    assert "| - | - |" in page([missing], 0.95)
    figure([missing])


def test_a_page_has_a_table_a_measure_with_a_row_a_trial():
    cells = [cell(trial, measure) for trial in (UNTOUCHED, "nf4") for measure in MEASURES]
    text = page(cells, 0.9)
    assert (
        text.count("| Linear layers in 4 bits (NF4) | 40 | -0.5 | -1.5 → -1 | -1.6 → -1.3 |") == 7
    )
    assert text.count("| Nothing done | 40 | -0.5 | -1 | -1.3 | +0.3 [+0.2, +0.4] | - |") == 7
    assert "90 % bootstrap" in text


def test_a_page_from_json_is_the_same():
    cells = [cell(), cell(measure="rouge_l", low=None, high=None)]
    assert page(json.loads(json.dumps(cells)), 0.95) == page(cells, 0.95)


def test_a_figure_has_a_row_a_trial_and_its_interval_where_the_figures_say():
    drawn = figure([cell(UNTOUCHED, difference=0.1), cell("nf4")])
    first = drawn.axes[0]
    assert [label.get_text() for label in first.get_yticklabels()] == [
        "Nothing done", "Linear layers in 4 bits (NF4)",
    ]  # fmt: skip
    ends = [line.get_xdata() for line in first.lines if list(line.get_ydata()) == [1, 1]]
    assert [list(end) for end in ends] == [pytest.approx([0.2, 0.4])]


def test_everything_there_is_has_a_name_for_people():
    assert {*FORMATS, "relearn", "relearn_half", *PROMPTS} - {"plain"} <= TRIALS.keys()
    assert VERBATIM.keys() <= MEASURES.keys()
    assert {name for name in METRICS if name in MEASURES} == {
        "exact_memorisation",
        "extraction_strength",
    }
    assert stress.BEST_OF.format(8) == "best of 8 samples"
