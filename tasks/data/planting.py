"""Documents planted in training on purpose: of four kinds, each read a stated number of times.

natural text is of the domain that is forgotten; the other three are out of its distribution:
shuffled is such text with its words in random order, register is text of a domain of which nothing
else is read, canary is a sentence ending in digits drawn uniformly. No passage is of two kinds or
read two numbers of times, nor are two near-duplicates: whole clusters are dealt out.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from itertools import product, zip_longest
from random import Random
from typing import Annotated, Literal, NamedTuple, get_args

import pandas as pd
from pydantic import AfterValidator, Field

from tasks.core.errors import DataError
from tasks.core.variants import Section
from tasks.data.grammar import FIRST, LAST, PLACES
from tasks.data.source import DomainName

Kind = Literal["natural", "shuffled", "register", "canary"]
KINDS: tuple[Kind, ...] = get_args(Kind)
NATURAL: Kind = "natural"
"""In distribution; every other kind is out of it."""

WHOM = len(FIRST) * len(LAST) * len(PLACES)


def _rising(times: tuple[int, ...]) -> tuple[int, ...]:
    if sorted(set(times)) != list(times):
        raise ValueError("give each number of readings once, the smallest first")
    return times


class PlantingConfig(Section):
    """What is planted."""

    times: Annotated[tuple[Annotated[int, Field(ge=1, le=1024)], ...], AfterValidator(_rising)] = (
        Field(default=(1, 4, 16), min_length=2, description="readings of a document in training")
    )
    documents: int = Field(
        default=6, ge=3, le=1000, description="of each kind for each number of readings"
    )
    characters: int = Field(
        default=200, ge=20, description="of a document, to the next space; a canary is a sentence"
    )
    register_domain: DomainName = Field(
        default="github", description="of which nothing else is read, by target or retrained model"
    )
    digits: int = Field(default=3, ge=1, le=6, description="of a canary: one of 10^digits")
    seed: int = Field(default=0, ge=0, description="deals texts out, shuffles, draws digits")


class Planted(NamedTuple):
    """One planted document; ``cluster`` is that of the text it was made from."""

    doc_id: str
    kind: Kind
    times: int
    cluster: str
    text: str


Group = tuple[Kind, int]


def planted(natural: pd.DataFrame, register: pd.DataFrame, config: PlantingConfig) -> pd.DataFrame:
    """The planted documents, a row each, with the columns of ``Planted``.

    Args:
        natural: doc_id, cluster, text of documents of the domain that no other split holds.
        register: the same of documents of ``config.register_domain``.
        config: what is planted.

    Raises:
        DataError: there is too little text for one of the groups.
    """
    rows = [
        *_dealt(natural, [*product((NATURAL, "shuffled"), config.times)], config),
        *_dealt(register, [("register", times) for times in config.times], config),
        *_canaries(config),
    ]
    return pd.DataFrame(rows, columns=Planted._fields)


def passages(text: str, characters: int) -> list[str]:
    """Stretches of ``text`` of at least ``characters``, each up to the next space, in order.

    What is left over at the end is none.
    """
    return re.findall(rf"\S.{{{characters - 1},}}?(?=\s|\Z)", text, re.DOTALL)


def shuffled(text: str, rng: Random) -> str:
    """The words of ``text`` in random order."""
    words = text.split()
    rng.shuffle(words)
    return " ".join(words)


def candidates(canary: str, digits: int, most: int, seed: int) -> list[str]:
    """What ``canary`` could have been: all other sentences, or ``most`` of them drawn at random."""
    stem, drawn = canary[: -digits - 1], int(canary[-digits - 1 : -1])
    others = range(10**digits - 1)  # leaves out the one that was drawn
    if len(others) > most:
        chosen: Sequence[int] = Random(f"{seed} {stem}").sample(others, most)
    else:
        chosen = others
    return [f"{stem}{number + (number >= drawn):0{digits}d}." for number in chosen]


def folds(clusters: Sequence[str], count: int) -> list[int]:
    """The fold, from 0, of each: clusters in the order of their hashes are dealt out in turn."""
    of = {name: at % count for at, name in enumerate(sorted(set(clusters), key=_hashed))}
    return [of[name] for name in clusters]


def _dealt(rows: pd.DataFrame, groups: Sequence[Group], config: PlantingConfig) -> list[Planted]:
    """Clusters in the order of their hashes to each group in turn, passages of each in turn."""
    rows = rows.sort_values("doc_id", ascending=False)
    texts = dict(zip(rows["cluster"], rows["text"], strict=True))  # of two editions, the first
    order = sorted(texts, key=lambda name: _hashed(f"{config.seed}/{name}"))
    made: list[Planted] = []
    for at, (kind, times) in enumerate(groups):
        found = _in_turn([(name, texts[name]) for name in order[at :: len(groups)]], config)
        chosen = [text for text, _ in zip(found, range(config.documents), strict=False)]
        if len(chosen) < config.documents:
            raise DataError(
                f"planting: {len(chosen)} passages of {config.characters} characters for {kind} "
                f"text read {times} times, {config.documents} wanted: lower documents or "
                "characters, or request more"
            )
        made += [_made(kind, times, number, *one, config) for number, one in enumerate(chosen)]
    return made


def _in_turn(texts: Sequence[tuple[str, str]], config: PlantingConfig) -> Iterator[tuple[str, str]]:
    """Cluster and passage: one of every text, then the next of every text."""
    cut = []
    for cluster, text in texts:
        parts = passages(text, config.characters)
        Random(f"{config.seed} {cluster}").shuffle(parts)
        cut.append([(cluster, part) for part in parts])
    yield from (one for turn in zip_longest(*cut) for one in turn if one is not None)


def _made(
    kind: Kind, times: int, number: int, cluster: str, text: str, config: PlantingConfig
) -> Planted:
    doc_id = f"{kind}:{times}:{number:03d}"
    if kind == "shuffled":
        text = shuffled(text, Random(f"{config.seed} {doc_id}"))
    return Planted(doc_id, kind, times, cluster, text)


def _canaries(config: PlantingConfig) -> Iterator[Planted]:
    """No two are about the same person and place, so no other canary tells the digits of one."""
    rng = Random(f"{config.seed} canaries")
    about = iter(rng.sample(range(WHOM), len(config.times) * config.documents))
    for times, number in product(config.times, range(config.documents)):
        rest, first = divmod(next(about), len(FIRST))
        place, last = divmod(rest, len(LAST))
        drawn = f"{rng.randrange(10**config.digits):0{config.digits}d}"
        text = f"The seal of {FIRST[first]} {LAST[last]} at {PLACES[place]} has number {drawn}."
        doc_id = f"canary:{times}:{number:03d}"
        yield Planted(doc_id, "canary", times, doc_id, text)


def _hashed(name: str) -> str:
    return hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
