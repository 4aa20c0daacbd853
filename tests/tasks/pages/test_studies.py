import math

import pandas as pd
import pytest
from matplotlib.colors import to_rgba

from tasks.pages import studies
from tasks.pages.studies import OUTCOMES

TITLES = {"flops": "FLOP", "joules": "joules"}


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_cost_has_a_panel_for_what_is_known_and_every_number_beside_its_dot():
    spent = pd.DataFrame({"method": ["m", "n"], "flops": [6e12, 1e13], "joules": [math.nan] * 2})
    (axes,) = studies.cost(spent, TITLES, {"flops": 5e13, "joules": math.nan}).axes
    assert texts(axes) == ["6e+12", "1e+13"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["m", "n"]
    low, high = axes.get_xlim()
    assert (low, high) == pytest.approx((1e12, 1e15))  # whole powers of ten with room for a number
    (again,) = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert list(again.get_xdata()) == [5e13, 5e13]


def test_cost_of_runs_that_all_diverged_is_an_empty_figure():
    spent = pd.DataFrame({"method": ["m"], "flops": [math.nan], "joules": [math.nan]})
    assert studies.cost(spent, TITLES, {}).axes == []


def test_a_square_of_the_grid_has_the_colour_of_its_commonest_outcome_and_the_worse_of_two():
    rows = pd.DataFrame(
        [("m", 1e-3, "passes")] * 2
        + [("m", 1e-3, "destroyed"), ("m", 1e-2, "in region"), ("m", 1e-2, "destroyed")],
        columns=["method", "learning_rate", "outcome"],
    ).assign(request="books")
    shares = pd.DataFrame([{"method": "m", "share": 0.4, "low": 0.1, "high": 0.8}])
    interval, grid = studies.robustness(rows, shares).axes
    assert texts(grid) == ["2/3", "0/2"]
    (image,) = grid.images
    shown = image.cmap(image.norm(image.get_array()))[0]
    assert [tuple(colour) for colour in shown] == [
        to_rgba(OUTCOMES[name]) for name in ("passes", "destroyed")
    ]
    assert grid.get_title() == "books"
    (bar,) = interval.containers[0].lines[2]
    assert bar.get_segments()[0][:, 0].tolist() == pytest.approx([0.1, 0.8])
