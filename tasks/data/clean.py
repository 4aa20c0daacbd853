"""One spelling for every text: NFC, LF, no control characters, addresses or boilerplate.

Every step takes time in proportion to the text, whatever the text: no pattern that can start
anywhere and run on is tried on it. Cleaning twice is cleaning once.
"""

import re
import unicodedata
from collections.abc import Iterator

ADDRESS = "[email]"
"""Stands where an e-mail address stood."""
MARKS = 30
"""Accents on one letter; Unicode's stream-safe format (UAX 15) allows no more either."""
LICENSE_CHARACTERS = 4000
"""A longer paragraph is text that speaks of the licence, not the licence."""

_CONTROL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\ufeff\ufffe\uffff\ud800-\udfff]+")
_MAYBE_MARKS = re.compile(rf"[^\w\s\0-\u02ff]{{{MARKS + 1},}}")
_ADDRESS_END = re.compile(r"[\w.%+-]@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}", re.ASCII)
_LOCAL_END = re.compile(r"[\w.%+-]{1,64}\Z", re.ASCII)
_LICENSE = re.compile(
    r"Project\s+Gutenberg(-tm|™)?\s+(full\s+)?License|Gutenberg\s+Literary\s+Archive\s+Foundation"
    r"|Gutenberg(-tm|™)\s+(electronic\s+)?(work|trademark|eBook|etext|collection|concept|mission)",
    re.IGNORECASE,
)


def clean(text: str) -> str:
    """``text`` as it is kept; documents, authors and groups mean what they meant."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\u2028", "\n").replace("\u2029", "\n")
    text = without_addresses(composed(_CONTROL.sub("", text)))
    text = without_license("\n".join(line.rstrip() for line in text.split("\n")))
    return re.sub(r"\n{5,}", "\n\n\n\n", text).strip("\n")


def composed(text: str) -> str:
    """``text`` in NFC, with no more than `MARKS` accents on a letter.

    Putting n accents of one letter in order takes n^2 steps, so they are counted first; and again
    afterwards, because some come apart.
    """
    if text.isascii():
        return text
    return _few_marks(unicodedata.normalize("NFC", _few_marks(text)))


def without_addresses(text: str) -> str:
    """``text`` with `ADDRESS` for every e-mail address."""
    return "".join(_between_addresses(text)) if "@" in text else text


def without_license(text: str) -> str:
    """``text`` without the paragraphs of Project Gutenberg's licence."""
    if "gutenberg" not in text.lower():
        return text
    parts = re.split(r"(\n(?:[ \t]*\n)+)", text)
    return "".join(
        part for part in parts if len(part) > LICENSE_CHARACTERS or not _LICENSE.search(part)
    )


def _between_addresses(text: str) -> Iterator[str]:
    done = 0
    for found in _ADDRESS_END.finditer(text):
        local = _LOCAL_END.search(text[max(done, found.start() - 63) : found.start() + 1])
        assert local, "the pattern begins with a character of the local part"
        yield text[done : found.start() + 1 - len(local[0])]
        yield ADDRESS
        done = found.end()
    yield text[done:]


def _few_marks(text: str) -> str:
    return _MAYBE_MARKS.sub(lambda run: "".join(_first_marks(run[0])), text)


def _first_marks(run: str) -> Iterator[str]:
    marks = 0
    for character in run:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= MARKS:
            yield character
