"""Who is served worst: a mean over all documents hides the few that were not forgotten.

Audits of the average understate what rare subgroups risk (arXiv:2412.08559). Identifiers and names
alone; no text.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks.metrics.evidence import Floats
from tasks.metrics.statistics import Sampling, mean_interval, scored

NOT_KNOWN = "not known"
THIRDS = ("shortest third", "middle third", "longest third")
Labels = Mapping[str, Sequence[Sequence[str]]]
"""What each document belongs to, by column; several where it has several authors."""


class Worst(NamedTuple):
    """A document far from forgotten."""

    doc_id: str
    exposure: float


class Group(NamedTuple):
    """Documents that share something."""

    name: str
    documents: int
    unscored: int
    mean: float
    """Over those scored; NaN where none is."""
    low: float
    high: float
    """Of the mean, documents drawn anew; NaN of fewer than two."""


def worst(doc_ids: Sequence[str], exposures: Floats, count: int) -> list[Worst]:
    """The ``count`` documents with the largest exposure, largest first; NaN is none of them."""
    order = np.argsort(-exposures, kind="stable")[:count]
    return [Worst(doc_ids[at], float(exposures[at])) for at in order if not np.isnan(exposures[at])]


def grouped(values: Floats, labels: Iterable[Iterable[str]], sampling: Sampling) -> list[Group]:
    """The documents of each label, the largest mean first, those without a mean last."""
    members: dict[str, list[int]] = defaultdict(list)
    for document, names in enumerate(labels):
        for name in dict.fromkeys(names) or (NOT_KNOWN,):
            members[name].append(document)
    groups = [_group(name, values[at], sampling) for name, at in sorted(members.items())]
    return sorted(groups, key=lambda group: (np.isnan(group.mean), -group.mean))


def labelled(facts: Iterable[Mapping[str, Any]], lengths: NDArray[np.int64]) -> Labels:
    """What documents belong to, from their ``author``, ``group`` and ``date``, and their lengths.

    For code the author is the repository; a group is a repository, a book or a month of papers.
    """
    facts = list(facts)
    return {
        "author": [tuple(one["author"] or ()) for one in facts],
        "group": [(one["group"],) for one in facts],
        "year": [(one["date"][:4],) if one["date"] else () for one in facts],
        "length": [(name,) for name in thirds(lengths)],
    }


def thirds(lengths: NDArray[np.int64]) -> list[str]:
    """Which third of the documents each is in by scored tokens; equal lengths stay together."""
    if not lengths.size:
        return []
    edges = np.quantile(lengths, [1 / 3, 2 / 3])
    return [THIRDS[at] for at in np.searchsorted(edges, lengths)]


def _group(name: str, values: Floats, sampling: Sampling) -> Group:
    known = scored(values)
    mean = float(known.mean()) if known.size else np.nan
    interval = mean_interval(known, sampling)
    return Group(name, values.size, values.size - known.size, mean, *interval)
