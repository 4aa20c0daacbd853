"""Spellings that may be the same person: initials, order, diacritics, hyphens, middle names."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

SUFFIXES = {"jr", "sr", "ii", "iii", "iv"}
APOSTROPHES = dict.fromkeys(map(ord, "'`\u00b4\u02bc\u2018\u2019"))


def folded(name: str) -> str:
    """One spelling for case and spaces alone: what counts as the name that was asked for."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def variants(asked: Iterable[str], names: Iterable[str]) -> dict[str, list[str]]:
    """For each name asked for, the other ``names`` that may be the same person's, in order.

    The same name in another case or with other spaces is no variant: it is taken as asked for.
    """
    by_part = defaultdict[str, dict[str, list[str]]](dict)
    for name in sorted(names):
        for part in (parts := _parts(name)):
            by_part[part][name] = parts
    return {
        name: [
            other
            for other, parts in by_part.get("".join(_parts(name)[-1:]), {}).items()
            if folded(other) != folded(name) and _same_person(_parts(name), parts)
        ]
        for name in asked
    }


def _same_person(one: list[str], other: list[str]) -> bool:
    """Same family name and given names that agree where both have them, or the same words."""
    if not one or not other:
        return False
    if sorted(one) == sorted(other):
        return True
    return one[-1] == other[-1] and _agree(one[:-1], other[:-1])


def _agree(one: list[str], other: list[str]) -> bool:
    """Whether the shorter list of given names can be read along the longer, from the first on."""
    short, long = sorted((one, other), key=len)
    if not short:
        return True
    if not _matches(short[0], long[0]):
        return False
    rest = iter(long[1:])
    return all(any(_matches(given, candidate) for candidate in rest) for given in short[1:])


def _matches(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return short == long or (len(short) == 1 and long.startswith(short))


def _parts(name: str) -> list[str]:
    """Given names, then the family name, in plain letters: ``Sornette, D.`` is ``d sornette``."""
    family, comma, given = name.partition(",")
    words = re.findall(r"\w+", _letters(f"{given} {family}" if comma else name))
    return [word for word in words if word not in SUFFIXES] or words


def _letters(name: str) -> str:
    apart = unicodedata.normalize("NFKD", name.casefold().translate(APOSTROPHES))
    return "".join(letter for letter in apart if not unicodedata.combining(letter))
