"""Texts of Project Gutenberg: header and footer taken off, cut into sections of chapters."""

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tasks.data.source import Document
from tasks.data.walk import Skipped, bytes_of, document, files_below

_START = re.compile(
    r"^\*{3} ?START OF (?:THE|THIS) PROJECT GUTENBERG E(?:BOOK|TEXT)[^*]{0,500}\*{3}"
    r"|^\*END ?\*? ?THE SMALL PRINT![^\n]*\*END\*",
    re.MULTILINE | re.IGNORECASE,
)
_END = re.compile(
    r"^\*{3} ?END OF (?:THE|THIS) PROJECT GUTENBERG E(?:BOOK|TEXT)"
    r"|^End of (?:the |this )?Project Gutenberg",
    re.MULTILINE | re.IGNORECASE,
)
_HEADING = re.compile(
    r"^[ \t]*(?:chapter|book|part|letter|act|canto|stave|section)[ \t]+"
    r"(?:[ivxlcdm]+|\d+|one|two|three|four|five|six|seven|eight|nine|ten|the [a-z]+)\b[^\n]{0,80}$",
    re.MULTILINE | re.IGNORECASE,
)
_NUMBER = re.compile(r"\[e(?:book|text) ?#(\d+)\]", re.IGNORECASE)
SHORTEST_SECTION = 1000
"""Characters; less than that is a line of the contents or a heading, and joins what follows."""


class Header(NamedTuple):
    """What a text says of itself before it starts."""

    book_id: str
    title: str
    author: tuple[str, ...]
    date: str | None


def sections(folder: Path, max_bytes: int, size: int) -> Iterator[Document | Skipped]:
    """Every ``*.txt`` below ``folder`` in sections of about ``size`` characters."""
    seen: set[str] = set()
    for path in files_below(folder):
        text = _text(path, max_bytes)
        if isinstance(text, Skipped):
            yield text
            continue
        header = _header(text, path)
        if header.book_id in seen:
            yield Skipped(str(path), "another file of the same book")
            continue
        seen.add(header.book_id)
        for number, part in enumerate(cut(body(text), size), start=1):
            yield document(
                path,
                doc_id=f"books:{header.book_id}:{number:03d}",
                domain="books",
                kind="section",
                title=header.title,
                author=header.author,
                license="public-domain",
                date=header.date,
                source=f"gutenberg:{path.relative_to(folder).as_posix()}",
                group=f"book:{header.book_id}",
                text=part,
            )


def body(text: str) -> str:
    """``text`` between Gutenberg's header and footer, whichever of them it has."""
    start = _START.search(text)
    text = text[start.end() if start else 0 :]
    end = _END.search(text)
    return text[: end.start() if end else len(text)].strip("\n")


def cut(text: str, size: int) -> list[str]:
    """``text`` by chapters, the long ones in parts of about ``size`` characters."""
    starts = [0, *(found.start() for found in _HEADING.finditer(text)), len(text)]
    chapters, kept = [], ""
    for start, stop in pairwise(starts):
        kept += text[start:stop]
        if len(kept.strip()) >= SHORTEST_SECTION:
            chapters.append(kept)
            kept = ""
    if kept.strip():
        chapters[-1:] = ["".join([*chapters[-1:], kept])]
    return [part for chapter in chapters for part in stretches(chapter.strip("\n"), size)]


def stretches(text: str, size: int) -> Iterator[str]:
    """``text`` in equal parts of at most ``size`` characters, cut at the ends of paragraphs."""
    parts = -(-len(text) // size)
    target, start = -(-len(text) // max(parts, 1)), 0
    while len(text) - start > size:
        stop = start + target
        for gap in ("\n\n", "\n", " "):
            if (found := text.rfind(gap, start + target // 2, start + size)) > 0:
                stop = found
                break
        yield text[start:stop].strip("\n")
        start = stop
    yield text[start:].strip("\n")


def _text(path: Path, max_bytes: int) -> str | Skipped:
    if path.suffix.lower() != ".txt" and not path.is_symlink():
        return Skipped(str(path), "not a text")
    content = bytes_of(path, max_bytes)
    if isinstance(content, Skipped):
        return content
    latin = re.search(rb"encoding: *(iso-?8859-1|iso latin-1|windows-1252|cp1252)", content, re.I)
    try:
        text = content.decode("cp1252" if latin else "utf-8-sig")
    except UnicodeDecodeError:
        return Skipped(str(path), "not UTF-8")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if body(text) else Skipped(str(path), "nothing between header and footer")


def _header(text: str, path: Path) -> Header:
    start = _START.search(text)
    head = text[: start.start() if start else 0]
    number = _NUMBER.search(head) or re.search(r"(?:pg)?(\d+)", path.stem)
    release = re.search(r"^Release Date: *([^\[\n]+)", head, re.MULTILINE | re.IGNORECASE)
    return Header(
        book_id=f"pg{number[1]}" if number else re.sub(r"\W+", "-", path.stem),
        title=_field(head, "Title") or path.stem,
        author=tuple(name for name in re.split(r"; | and ", _field(head, "Author")) if name),
        date=_iso(release[1].strip()) if release else None,
    )


def _field(head: str, name: str) -> str:
    """The value of ``Name: value``, continued on indented lines; empty where there is none."""
    found = re.search(rf"^{name}: *(.+(?:\n[ \t]+\S.*)*)", head, re.MULTILINE)
    return " ".join(found[1].split()) if found else ""


def _iso(date: str) -> str | None:
    for written, iso in (("%B %d, %Y", "%Y-%m-%d"), ("%B, %Y", "%Y-%m"), ("%B %Y", "%Y-%m")):
        try:
            return datetime.strptime(date, written).strftime(iso)
        except ValueError:
            continue
    year = re.search(r"\b(1[89]|20)\d\d\b", date)
    return year[0] if year else None
