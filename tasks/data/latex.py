r"""Papers in LaTeX: inputs merged, comments dropped, title and authors read.

A paper is a ``*.tex`` with a ``\documentclass``; what it inputs must lie in the folder.
"""

import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from tasks.data.licenses import license_of
from tasks.data.source import Document
from tasks.data.walk import Skipped, document, files_below, text_of

_INPUT = re.compile(
    r"\\(?:input|include|subfile)(?![A-Za-z@])(?:\s*\{([^{}\n]{1,200})\}|[ \t]+([\w./-]{1,200}))"
)
_CODE = re.compile(r"(?:[^\\%]++|\\.)*+\\?")
_ACCENT = re.compile(r"\\([`'^\"~=.]|[cvHr](?![A-Za-z]))\s*\{?\\?([A-Za-z])\}?")
_ACCENTS = dict(
    zip(
        "`'^\"~=.cvHr",
        "\u0300\u0301\u0302\u0308\u0303\u0304\u0307\u0327\u030c\u030b\u030a",
        strict=True,
    )
)
_ASIDE = re.compile(
    r"\\(?:thanks|footnote|inst|label|orcidID)\s*\{[^{}]{0,500}\}|\$[^$]{0,100}\$|\^\{[^{}]{0,50}\}"
)
DEEPEST = 50
"""Inputs of inputs; a paper has three or four."""
_ARXIV = re.compile(r"(\d{2})(0[1-9]|1[0-2])\.\d{4,5}(?:v\d+)?")


def papers(folder: Path, max_bytes: int) -> Iterator[Document | Skipped]:
    """Every paper below ``folder``, and the inputs it could not be given."""
    for path in files_below(folder):
        if path.suffix.lower() != ".tex" and not path.is_symlink():
            continue
        text = text_of(path, max_bytes)
        if isinstance(text, Skipped):
            yield text
        elif r"\documentclass" in (text := without_comments(text)):
            merging = Merging(folder, path.parent, max_bytes)
            text = merging.merged(text, (path,)).split(r"\end{document}")[0]
            yield from merging.skipped
            yield _paper(path, folder, text)


def without_comments(text: str) -> str:
    r"""``text`` without what follows a ``%``; ``\%`` stays, a line that was all comment goes."""
    lines = []
    for line in "".join(_outside_comments(text)).split("\n"):
        code = _CODE.match(line)
        assert code, "the pattern matches the empty string"
        if code[0].strip() or not line.strip():
            lines.append(code[0] if len(code[0]) == len(line) else code[0].rstrip())
    return "\n".join(lines)


def _outside_comments(text: str) -> Iterator[str]:
    start = 0
    while (begin := text.find(r"\begin{comment}", start)) >= 0:
        yield text[start:begin]
        end = text.find(r"\end{comment}", begin)
        if end < 0:
            return
        start = end + len(r"\end{comment}")
    yield text[start:]


class Merging:
    """Puts inputs in the place of the commands that name them, within ``folder`` and a size."""

    def __init__(self, folder: Path, base: Path, max_bytes: int) -> None:
        self.folder, self.base = folder.resolve(), base
        self.left = self.max_bytes = max_bytes
        self.skipped: list[Skipped] = []

    def merged(self, text: str, chain: tuple[Path, ...]) -> str:
        """``text`` with its inputs, and theirs; ``chain`` is who asked for it."""
        return _INPUT.sub(lambda found: self._input((found[1] or found[2]).strip(), chain), text)

    def _input(self, name: str, chain: tuple[Path, ...]) -> str:
        path = self._found(name)
        if not Path(os.path.realpath(path)).is_relative_to(self.folder):
            return self._without(path, "input outside the folder")
        if not path.is_file():
            return self._without(path, "input not there")
        if path in chain or len(chain) > DEEPEST:
            return self._without(path, "input of itself")
        text = text_of(path, self.left)
        if isinstance(text, Skipped):
            return self._without(path, f"input {text.reason}")
        self.left -= len(text.encode())
        return self.merged(without_comments(text), (*chain, path))

    def _found(self, name: str) -> Path:
        plain = self.base / name
        return plain if plain.is_file() else plain.with_name(f"{plain.name}.tex")

    def _without(self, path: Path, reason: str) -> str:
        self.skipped.append(Skipped(str(path), reason))
        return ""


def people(given: str) -> Iterator[str]:
    """The names in an author command: the first line of each, without notes and marks."""
    for person in re.split(r"\\and(?![A-Za-z])|\\And(?![A-Za-z])", _ASIDE.sub("", given)):
        first_line = re.split(r"\\\\|\n\s*\n", person.strip())[0]
        yield from (name for part in first_line.split(",") if (name := plain(part)))


def plain(text: str) -> str:
    """``text`` without notes, commands and braces, its accents composed."""
    text = _ACCENT.sub(lambda found: found[2] + _ACCENTS[found[1]], _ASIDE.sub("", text))
    text = re.sub(r"\\[A-Za-z]+\*?|[{}\\]", "", text).replace("~", " ")
    return unicodedata.normalize("NFC", " ".join(text.split()))


def _paper(path: Path, folder: Path, text: str) -> Document | Skipped:
    inside = path.relative_to(folder).as_posix()
    known = next((found for part in inside.split("/") if (found := _ARXIV.match(part))), None)
    month = f"20{known[1]}-{known[2]}" if known else None
    paper_id = known[0] if known else inside.removesuffix(".tex")
    return document(
        path,
        doc_id=f"arxiv:{paper_id}#fulltext",
        domain="arxiv",
        kind="fulltext",
        title=plain(next(iter(_arguments(text, "title")), "")) or path.stem,
        author=tuple(name for given in _arguments(text, "author") for name in people(given)),
        license=license_of(path.parent),
        date=month,
        source=f"latex:{inside}",
        group=f"arxiv-month:{month}" if month else f"paper:{paper_id}",
        text=text.strip("\n"),
    )


def _arguments(text: str, command: str) -> list[str]:
    """What stands in braces after every ``command``."""
    found = re.finditer(rf"\\{command}(?![A-Za-z@])\s*(?:\[[^\]\n]{{0,200}}\]\s*)?\{{", text)
    return [given for start in found if (given := _braced(text, start.end()))]


def _braced(text: str, start: int, longest: int = 4000) -> str:
    depth = 1
    for brace in re.finditer(r"\\.|[{}]", text[start : start + longest], re.DOTALL):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if not depth:
            return text[start : start + brace.start()]
    return ""
