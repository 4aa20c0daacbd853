"""Documents in two halves that share no near-duplicate."""

import hashlib

import pandas as pd

TAUGHT = "taught.json"
"""Beside weights: the ids of the forgotten documents they were taught again."""


def half(assigned: pd.DataFrame, seed: int) -> list[str]:
    """The doc_ids of whole clusters that hold about half of the tokens.

    ``assigned`` has doc_id, cluster and tokens, of two clusters or more; at least one is on either
    side. Clusters are taken largest first, each to the side that has fewer tokens; a hash of
    ``seed`` decides among equals, and which side it is.
    """
    tokens = assigned.groupby("cluster")["tokens"].sum()
    order = sorted(tokens.index, key=lambda name: (-tokens[name], _hashed(seed, name)))
    sides: tuple[list[str], list[str]] = ([], [])
    sums = [0, 0]
    for cluster in order:
        side = sums.index(min(sums))
        sides[side].append(cluster)
        sums[side] += int(tokens[cluster])
    chosen = min(sides, key=lambda side: _hashed(seed, min(side)))
    ids: list[str] = assigned.loc[assigned["cluster"].isin(chosen), "doc_id"].tolist()
    return ids


def _hashed(seed: int, name: str) -> str:
    return hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16).hexdigest()
