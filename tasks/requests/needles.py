"""What an erasure looks for: ids, selectors and pieces of text, in every form they are written in.

A needle that what stays holds too (another document that quotes a sentence, an author of whom other
works remain) would be found for ever and prove nothing: it is left out, and counted.
"""

import html
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

WIDTH = 32
"""Characters of a piece of text; two texts that share one by chance are not written."""
SHORTEST = 12
"""Characters of a line that is looked for where a text has no longer one."""
WORD = 8  # bytes: what is compared first, all of a content at once
BUCKETS = 20  # bits of a table that most words are not in
MIXER = np.uint64(0x9E3779B97F4A7C15)

Kind = Literal["id", "selector", "text"]


class Needle(NamedTuple):
    """One string, as it is written in one place or another."""

    kind: Kind
    text: str
    whole: bool = False
    """Whether it counts only where it is no part of a longer name, as ``p.1`` is of ``p.12``."""

    def forms(self) -> set[bytes]:
        """Plain, and as JSON and HTML spell it."""
        spelled = json.dumps(self.text)[1:-1]
        plain = json.dumps(self.text, ensure_ascii=False)[1:-1]
        texts = (self.text, spelled, plain, html.escape(self.text), html.escape(spelled))
        return {text.encode("utf-8", "surrogatepass") for text in texts}


class Needles:
    """What is looked for, and whether a content holds any of it."""

    def __init__(self, needles: Iterable[Needle]) -> None:
        """Each needle once; those of less than a letter are none."""
        self.needles = tuple(sorted({one for one in needles if one.text.strip()}))

    @cached_property
    def _forms(self) -> dict[bytes, list[Needle]]:
        forms: dict[bytes, list[Needle]] = {}
        for needle in self.needles:
            for form in needle.forms():
                forms.setdefault(form, []).append(needle)
        return forms

    @cached_property
    def _by_word(self) -> dict[int, list[bytes]]:
        """The forms by their first ``WORD`` bytes."""
        found: dict[int, list[bytes]] = {}
        for form in self._forms:
            if len(form) >= WORD:
                found.setdefault(int.from_bytes(form[:WORD], "little"), []).append(form)
        return found

    @cached_property
    def _words(self) -> NDArray[np.uint64]:
        return np.array(sorted(self._by_word), np.uint64)

    @cached_property
    def _table(self) -> NDArray[np.bool_]:
        table = np.zeros(2**BUCKETS, bool)
        table[_bucket(self._words)] = True
        return table

    def within(self, content: bytes) -> set[Needle]:
        """Those that ``content`` holds, in any form."""
        return {
            needle
            for form, at in self._hits(content)
            for needle in self._forms[form]
            if not (needle.whole or len(form) < WORD) or _stands_alone(content, at, len(form))
        }

    def hold(self, content: bytes) -> bool:
        """Whether ``content`` holds one at least."""
        return bool(self.within(content))

    def __contains__(self, text: str) -> bool:
        """Whether ``text`` holds one at least."""
        return self.hold(text.encode("utf-8", "surrogatepass"))

    def beside(self, staying: Iterable[bytes]) -> tuple["Needles", Counter[str]]:
        """Those that none of the contents ``staying`` holds; how many of each kind are left out."""
        contents = list(staying)
        parts = set[Needle]().union(*map(self.within, contents))
        names = {needle for needle in parts if needle.kind != "text"}
        strict = Needles(needle._replace(whole=True) for needle in names)
        held = {one._replace(whole=False) for one in parts if one.kind == "text"}
        for content in contents if names else ():
            held |= {needle._replace(whole=False) for needle in strict.within(content)}
        kept = [
            needle._replace(whole=needle in names) for needle in self.needles if needle not in held
        ]
        return Needles(kept), Counter(needle.kind for needle in held)

    def _hits(self, content: bytes) -> Iterator[tuple[bytes, int]]:
        for start in range(min(WORD, max(len(content) - WORD + 1, 0))) if len(self._words) else ():
            words = np.frombuffer(content, "<u8", (len(content) - start) // WORD, start)
            likely = np.flatnonzero(self._table[_bucket(words)])
            for at in likely[np.isin(words[likely], self._words)].tolist():
                for form in self._by_word[int(words[at])]:
                    if content.startswith(form, start + at * WORD):
                        yield form, start + at * WORD
        for form in self._forms:
            if len(form) < WORD:
                yield from ((form, hit.start()) for hit in re.finditer(re.escape(form), content))


def pieces(text: str) -> list[str]:
    """Pieces of ``WIDTH`` characters of each line, one after another; short lines if need be."""
    lines = [line.strip() for line in text.splitlines()]
    wide = [
        line[at : at + WIDTH]
        for line in lines
        for at in range(0, max(len(line) - WIDTH + 1, 0), WIDTH)
    ]
    return wide or [line for line in lines if len(line) >= SHORTEST]


def _bucket(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    bucket: NDArray[np.uint64] = (words * MIXER) >> np.uint64(64 - BUCKETS)
    return bucket


def _stands_alone(content: bytes, at: int, length: int) -> bool:
    before, after = content[max(at - 1, 0) : at], content[at + length : at + length + 2]
    return not re.match(rb"[\w.:/-]", before) and not re.match(rb"\w|[.:/-]\w", after)
