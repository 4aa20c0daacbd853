"""The five parts of the data, by cluster: no near-duplicate is ever on two sides.

forget is what must go. retain has the same domains and was seen in training, general has the other
domains and was seen. approximate is matched to forget, document by document, and was never seen:
it stands in for retraining. test has the same domains, was never seen and chooses nothing.

A model that has forgotten before has a history: then retain and general are all that it saw and has
not forgotten, and approximate and test come from what it never saw.

The order of clusters comes from a hash of the seed and the cluster's name, so it depends neither
on the order of rows nor on what else is in the corpus.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from tasks.core.errors import ConfigError
from tasks.core.history import History
from tasks.core.variants import Section

SIZED = ("retain", "general", "approximate", "test")
LEFT_OUT = "left out"
ENOUGH = 0.25
"""Share of the size asked for below which a split is refused."""

KIND_PENALTY = 10.0
"""Of matching an abstract with a section, say: as bad as a thousandfold difference in length."""
YEARS_PENALTY = 0.1
"""Per year between two dates: ten years weigh what a doubling of length does."""
UNDATED_PENALTY = 1.0
SWAMPING_PENALTY = 1000.0


class Weighed(NamedTuple):
    """Tokens by cluster, and the clusters of several documents that outweigh a split: used last."""

    sums: dict[str, int]
    swamping: set[str]


class SplitsConfig(Section):
    """How large each split is, in tokens of about four bytes."""

    seed: int = Field(default=0, ge=0, description="chooses among documents that would do alike")
    retain_tokens: int = Field(default=30_000, ge=1, description="same domains, seen")
    general_tokens: int = Field(default=20_000, ge=1, description="other domains, seen")
    approximate_tokens: int = Field(
        default=10_000, ge=1, description="same domains, matched to forget, never seen"
    )
    test_tokens: int = Field(default=10_000, ge=1, description="same domains, never seen")
    max_forget_share: float = Field(
        default=0.5, gt=0, le=1, description="of a domain's tokens that a request may take"
    )
    history: History = Field(default=History(), description="of the model that is to forget")


def assign(
    documents: pd.DataFrame,
    forget: Mapping[str, str],
    beside: Mapping[str, str],
    config: SplitsConfig,
) -> pd.DataFrame:
    """One row a document: doc_id, domain, cluster, tokens, split or "left out", reason.

    ``forget`` and ``beside`` hold a reason by doc_id: what must go, and what was considered and
    stays. The latter shares a book, an author or sentences with what is forgotten, so it may be
    seen (retain) but never counts as unseen: a model that saw forget half knows it.

    Raises:
        ConfigError: a split would be empty or less than a quarter of its size.
    """
    table = _table(documents, forget, config.history)
    free = table[table["split"] == ""]
    same = free["domain"].isin(set(table.loc[table["split"] == "forget", "domain"]))
    known = _clusters(table, [*beside, *config.history.seen])
    unseen = free[same & ~free["cluster"].isin(known)]
    sizes = _scaled(config, int(free.loc[same, "tokens"].sum()), int(unseen["tokens"].sum()))

    forgotten = table[table["split"] == "forget"]
    approximate = _matched(unseen, forgotten, sizes["approximate"], config.seed)
    unseen = unseen[~unseen["cluster"].isin(approximate)]
    test = _drawn(unseen, sizes["test"], config.seed, "drawn among the never seen")
    seen = free[same & ~free["cluster"].isin({*approximate, *test})]
    if config.history.begun:
        retain, general = (_learnt(rows, config.history) for rows in (seen, free[~same]))
    else:
        retain = _drawn(seen, sizes["retain"], config.seed, "drawn among the same domains")
        general = _drawn(
            free[~same], sizes["general"], config.seed, "drawn among the other domains"
        )

    for split, why in zip(SIZED, (retain, general, approximate, test), strict=True):
        rows = free.index[free["cluster"].isin(why)]
        table.loc[rows, "split"] = split
        table.loc[rows, "reason"] = table.loc[rows, "cluster"].map(why)
        _refuse_small(split, int(table.loc[rows, "tokens"].sum()), config)
    return _explained(table, beside)[["doc_id", "domain", "cluster", "tokens", "split", "reason"]]


def _table(documents: pd.DataFrame, forget: Mapping[str, str], history: History) -> pd.DataFrame:
    """By doc_id, with what is settled before anything is drawn: forget and what cannot be used."""
    table = documents.sort_values("doc_id", ignore_index=True)
    going = table["doc_id"].isin(forget)
    gone = table["doc_id"].isin(history.gone)
    tied = table["cluster"].isin(table.loc[going | gone, "cluster"]) & ~going & ~gone
    copy = table["duplicate_of"].notna() & ~going & ~tied
    late = (
        table["cluster"].isin(_clusters(table, history.known))
        & ~table["doc_id"].isin(history.known)
        & ~(going | gone | tied | copy)
    )
    table["split"] = np.select([going, gone | tied | copy | late], ["forget", LEFT_OUT], "")
    table["reason"] = [forget.get(doc_id, "") for doc_id in table["doc_id"]]
    table["year"] = _years(table["date"])
    table.loc[tied, "reason"] = "in one cluster with a forgotten document"
    table.loc[copy, "reason"] = "the same text as " + table.loc[copy, "duplicate_of"].astype(str)
    table.loc[gone, "reason"] = "forgotten before"
    table.loc[late, "reason"] = "in one cluster with what the model saw, and not seen itself"
    return table


def _learnt(rows: pd.DataFrame, history: History) -> dict[str, str]:
    """The clusters that hold what the model saw, and why they are drawn."""
    seen = rows.loc[rows["doc_id"].isin(history.known), "cluster"]
    return dict.fromkeys(seen, "seen in training")


def _clusters(table: pd.DataFrame, doc_ids: Iterable[str]) -> set[str]:
    return set(table.loc[table["doc_id"].isin(set(doc_ids)), "cluster"])


def _scaled(config: SplitsConfig, same: int, unseen: int) -> dict[str, int]:
    """The sizes asked for, all of the same domains smaller alike where there is too little."""
    held_out = config.approximate_tokens + config.test_tokens
    share = min(1.0, same / (held_out + config.retain_tokens))
    hidden = min(share, unseen / held_out)
    return {
        "retain": math.ceil(share * config.retain_tokens),
        "general": config.general_tokens,
        "approximate": math.ceil(hidden * config.approximate_tokens),
        "test": math.ceil(hidden * config.test_tokens),
    }


def _drawn(rows: pd.DataFrame, tokens: int, seed: int, reason: str) -> dict[str, str]:
    """Clusters in the order of their hashes until there are ``tokens``, and why."""
    sums, swamping = _weighed(rows, tokens)
    order = sorted(sums, key=lambda name: (name in swamping, _hashed(seed, reason, name)))
    return dict.fromkeys(_until(tokens, order, sums), reason)


def _matched(rows: pd.DataFrame, forgotten: pd.DataFrame, tokens: int, seed: int) -> dict[str, str]:
    """The clusters of the documents nearest to each forgotten one in turn, without replacement."""
    sums, swamping = _weighed(rows, tokens)
    rows = _shuffled(rows, seed)
    clusters, reasons = rows["cluster"].to_numpy(), dict[str, str]()
    avoided = np.where(rows["cluster"].isin(swamping), SWAMPING_PENALTY, 0.0)

    def nearest() -> Iterator[str]:
        for one in cycle(_shuffled(forgotten, seed).itertuples()):
            if np.isinf(avoided).all():
                return
            cluster = clusters[(_distance(rows, one) + avoided).argmin()]
            avoided[clusters == cluster] = np.inf
            reasons[cluster] = f"nearest to {one.doc_id} in kind, length and date, never seen"
            yield cluster

    return {cluster: reasons[cluster] for cluster in _until(tokens, nearest(), sums)}


def _weighed(rows: pd.DataFrame, tokens: int) -> Weighed:
    clusters = rows.groupby("cluster")["tokens"].agg(["sum", "size"])
    swamping = clusters.index[(clusters["size"] > 1) & (clusters["sum"] > tokens)]
    return Weighed(
        dict(zip(clusters.index, clusters["sum"].astype(int), strict=True)), set(swamping)
    )


def _until(tokens: int, order: Iterable[str], sums: Mapping[str, int]) -> Iterator[str]:
    for cluster in order:
        if tokens <= 0:
            return
        tokens -= sums[cluster]
        yield cluster


def _shuffled(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    order = rows["doc_id"].map(lambda doc_id: _hashed(seed, "matched", doc_id))
    return rows.loc[order.sort_values().index]


def _hashed(seed: int, purpose: str, name: str) -> str:
    return hashlib.blake2b(f"{seed}/{purpose}/{name}".encode(), digest_size=16).hexdigest()


def _distance(rows: pd.DataFrame, one: Any) -> NDArray[np.float64]:
    """How unlike ``one`` each row is; a doubling of length is 1."""
    length = np.abs(np.log2((rows["tokens"] + 1) / (one.tokens + 1)))
    kind = KIND_PENALTY * (rows["kind"] != one.kind)
    dated = (YEARS_PENALTY * (rows["year"] - one.year).abs()).fillna(UNDATED_PENALTY)
    return np.asarray(length + kind + dated, dtype=np.float64)


def _years(dates: pd.Series) -> pd.Series:
    """A date, year-month or year as a number of years; NaN where there is none."""
    parts = dates.astype("string").str.extract(r"^(\d{4})(?:-(\d{2}))?").astype("Float64")
    return (parts[0] + (parts[1].fillna(6.5) - 0.5) / 12).astype("float64")


def _refuse_small(split: str, tokens: int, config: SplitsConfig) -> None:
    asked = getattr(config, f"{split}_tokens")
    if tokens < ENOUGH * asked:
        where = "other domains than the request's" if split == "general" else "the same domains"
        raise ConfigError(
            f"splits.{split}_tokens={asked}: only {tokens} tokens of {where} are free for it, "
            f"less than a quarter: lower the sizes in splits, narrow the request, or add documents"
        )


def _explained(table: pd.DataFrame, beside: Mapping[str, str]) -> pd.DataFrame:
    """With a reason for what nobody drew, and for what was considered and may be seen only."""
    idle = table["split"] == ""
    table.loc[idle, "reason"] = "the splits are full without it"
    table.loc[idle, "split"] = LEFT_OUT
    close = table["doc_id"].isin(beside) & (table["split"] != "forget")
    table.loc[close, "reason"] = [
        f"{reason}; never counted as unseen: {beside[doc_id]}"
        for doc_id, reason in zip(table["doc_id"][close], table["reason"][close], strict=True)
    ]
    return table
