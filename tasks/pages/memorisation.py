"""Memorisation and difficulty beside forgetting, for people."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from tasks.pages.contrast import LOOKS
from tasks.pages.markdown import spread, tabled

Spread = tuple[float, float, float]
AXES = {
    "memorisation": "memorisation: loss without the document less with it",
    "difficulty": "difficulty: loss of a model that saw none of them",
}


class Group(NamedTuple):
    """Documents of a kind, read so often: figures with the ends of their intervals."""

    kind: str
    times: int | str
    documents: int
    memorisation: Spread
    """Nats per token."""
    forgetting: Spread
    """Rise of the loss while unlearning, nats per token."""
    with_memorisation: Spread
    """Spearman's rho of forgetting with it, over documents."""
    with_difficulty: Spread


def table(groups: Sequence[Group]) -> str:
    """A row a group."""
    titles = [
        "kind", "read", "documents", "memorisation", "forgetting",
        "rho of forgetting and memorisation", "rho of forgetting and difficulty",
    ]  # fmt: skip
    return tabled(
        titles,
        [
            [
                one.kind,
                str(one.times),
                str(one.documents),
                *(
                    spread(*figure)
                    for figure in (
                        one.memorisation, one.forgetting, one.with_memorisation,
                        one.with_difficulty,
                    )
                ),
            ]
            for one in groups
        ],
    )  # fmt: skip


def drawing(documents: Sequence[Mapping[Hashable, Any]]) -> Figure:
    """A point a document, larger the more often it was read."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    for axes, (name, label) in zip(figure.subplots(1, 2, sharey=True), AXES.items(), strict=True):
        for kind, (colour, marker) in LOOKS.items():
            rows = [row for row in documents if row["kind"] == kind]
            axes.scatter(
                [row[name] for row in rows],
                [row["forgetting"] for row in rows],
                s=[8 + 4 * row["times"] for row in rows],
                color=colour, marker=marker, alpha=0.5, linewidth=0, label=kind,
            )  # fmt: skip
        axes.set(xlabel=f"{label}, nats per token")
    figure.axes[0].set(ylabel="forgetting: rise of the loss, nats per token")
    figure.axes[0].legend(frameon=False)
    return figure
