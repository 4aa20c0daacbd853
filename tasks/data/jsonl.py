"""A folder of JSON Lines files, plain or compressed with gzip, one document a line.

``arxiv.jsonl.gz``, ``arxiv-2020.jsonl`` and ``arxiv.part2.jsonl`` all belong to the domain
``arxiv``. A line that is not a document stops the reading: a corpus is either what it says or is
not used. Nothing outside the folder is read, and nothing is decompressed beyond the stated sizes.
"""

import gzip
import os
import re
import zlib
from collections import defaultdict
from collections.abc import Iterator
from hashlib import file_digest
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError

from tasks.core.errors import DataError
from tasks.core.variants import nearest
from tasks.data.source import Document, Source, complaint


class Jsonl(Source):
    """``*.jsonl`` and ``*.jsonl.gz`` in one folder."""

    name: Literal["jsonl"] = "jsonl"
    path: Path = Field(description="the folder")
    max_line_bytes: int = Field(default=2**26, ge=1024, le=2**31, description="of one document")
    max_domain_bytes: int = Field(default=2**35, ge=1024, description="of a domain, decompressed")

    def resolved(self) -> Self:
        found = domain_files(self.path)
        for domain in self.domains:
            if domain not in found:
                raise DataError(f"source.domains: {domain!r} is not there{nearest(domain, found)}")
        domains = self.domains or tuple(sorted(found))
        return self.model_copy(update={"path": self.path.resolve(), "domains": domains})

    def manifest(self, domain: str) -> dict[str, str]:
        return {file.name: _digest(file) for file in domain_files(self.path)[domain]}

    def documents(self, domain: str) -> Iterator[Document]:
        seen: set[str] = set()
        budget = self.max_domain_bytes
        for file in domain_files(self.path)[domain]:
            for number, line in numbered_lines(file, self.max_line_bytes):
                budget -= len(line)
                if budget < 0:
                    raise DataError(
                        f"{file} line {number}: the domain {domain!r} is larger than "
                        f"{self.max_domain_bytes} bytes; raise source.max_domain_bytes"
                    )
                document = parsed(line, f"{file} line {number}", domain)
                if document.doc_id in seen:
                    raise DataError(
                        f"{file} line {number}: the doc_id {document.doc_id!r} was there before; "
                        "ids are unique in a domain: drop or rename one"
                    )
                seen.add(document.doc_id)
                yield document


def domain_files(folder: Path) -> dict[str, list[Path]]:
    """The files of every domain, sorted by name.

    Raises:
        DataError: there is no such folder, no such file, or one that leads out of the folder.
    """
    if not folder.is_dir():
        raise DataError(f"source.path: {str(folder)!r} is not a folder; name one with *.jsonl[.gz]")
    found: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(folder.iterdir()):
        if re.search(r"^[^.].*\.jsonl(\.gz)?$", file.name):
            found[_domain(file)].append(_inside(file, folder))
    if not found:
        raise DataError(f"source.path: {str(folder)!r} holds no *.jsonl or *.jsonl.gz; add one")
    return dict(found)


def numbered_lines(file: Path, max_line_bytes: int) -> Iterator[tuple[int, bytes]]:
    """The lines of a file from 1, decompressed as they are read.

    Raises:
        DataError: the file cannot be read to its end, or a line is too long.
    """
    number = 0
    compressed = file.suffix == ".gz"
    try:
        if not file.stat().st_size:
            raise DataError(f"{file}: the file is empty; fetch it again or remove it")
        with gzip.open(file) if compressed else file.open("rb") as opened:
            while line := opened.readline(max_line_bytes + 1):
                number += 1
                if len(line) > max_line_bytes:
                    raise DataError(
                        f"{file} line {number}: longer than {max_line_bytes} bytes; split the "
                        "document or raise source.max_line_bytes"
                    )
                yield number, line
    except EOFError as error:
        raise DataError(f"{file}: truncated after line {number}; fetch it again") from error
    except gzip.BadGzipFile as error:
        rule = f"damaged after line {number}" if number else "not a gzip file"
        raise DataError(f"{file}: {rule}; fetch it again or correct its name") from error
    except zlib.error as error:
        raise DataError(f"{file}: damaged after line {number}; fetch it again") from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror}; check its rights") from error


def parsed(line: bytes, place: str, domain: str) -> Document:
    """The document in ``line``, which must be of ``domain``; ``place`` is where it stands.

    Raises:
        DataError: it is not UTF-8, not JSON, not a document, or of another domain.
    """
    try:
        document = Document.model_validate_json(line.decode())
    except UnicodeDecodeError as error:
        raise DataError(f"{place}: not UTF-8 at byte {error.start}; convert the file") from None
    except ValidationError as error:
        raise DataError(f"{place}: {complaint(error)}; correct or drop the line") from None
    if document.domain != domain:
        raise DataError(
            f"{place}: the domain is {document.domain!r} in a file of {domain!r}; "
            f"move the line to {document.domain}.jsonl"
        )
    return document


def _domain(file: Path) -> str:
    domain = re.split(r"[.-]", file.name, maxsplit=1)[0]
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_]{0,63}", domain):
        raise DataError(
            f"{file}: the domain {domain!r}, its name up to the first dot or hyphen, may have "
            "letters, digits and _ alone; rename the file"
        )
    return domain


def _inside(file: Path, folder: Path) -> Path:
    real = Path(os.path.realpath(file))
    if not real.is_relative_to(os.path.realpath(folder)):
        raise DataError(f"{file}: a symbolic link out of the folder; copy the file instead")
    if not real.is_file():
        raise DataError(f"{file}: not a regular file; remove or rename it")
    return file


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest()
