"""One spelling for all the ways a sentence is typeset: what pasted text is matched by.

Compatibility look-alikes are folded (Unicode NFKC), case is folded, quotes, Gutenberg underscores
and invisible characters are dropped, dashes and any run of white space become one space.
"""

import sys
import unicodedata
from functools import cache

DROPPED = "\"'`_" + "\u00b4\u02b9\u02ba\u02bb\u02bc\u2032\u2033\u2034\u2035\u2036\u2037"
"""Quotes that Unicode does not call quotes (accents, primes), and the underscore."""
DROPPED_CATEGORIES = ("Pi", "Pf", "Cf")
"""Opening and closing quotes; zero-width, bidirectional and other format characters."""
SPACED = "-\u2212\u2043"
"""Hyphen, minus and hyphen bullet; the rest are of the category of dashes."""
SPACED_CATEGORIES = ("Pd",)

ASCII = dict.fromkeys(map(ord, "\"'`_")) | {ord("-"): " "}


def normalise(text: str) -> str:
    """The spelling that two typesettings of the same words share."""
    if text.isascii():
        return " ".join(text.lower().translate(ASCII).split())
    text = unicodedata.normalize("NFKC", text.translate(_table()))
    text = unicodedata.normalize("NFKC", text.casefold())
    return " ".join(text.translate(_table()).split())


@cache
def _table() -> dict[int, str | None]:
    table: dict[int, str | None] = {}
    for code in range(sys.maxunicode + 1):
        letter = chr(code)
        category = unicodedata.category(letter)
        if letter in DROPPED or category in DROPPED_CATEGORIES:
            table[code] = None
        elif letter in SPACED or category in SPACED_CATEGORIES:
            table[code] = " "
    return table
