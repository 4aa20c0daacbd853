"""A dataset of the Hugging Face hub at a pinned revision, or one saved in a local folder.

A configuration is a domain, all its splits together. A row keeps the split it came from as its
group, so the forget set that a dataset was published with is asked for as ``split:arxiv/forget``.
Nothing of a dataset is executed: ``datasets`` no longer runs the code that one may bring.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, ValidationError

from tasks.core.errors import ConfigError, DataError
from tasks.core.variants import Section, nearest
from tasks.data.source import Document, Source, complaint
from tasks.data.walk import digests, files_below

if TYPE_CHECKING:
    from datasets import Dataset, IterableDataset

SAVED = ("dataset_dict.json", "state.json")
"""What ``save_to_disk`` leaves in a folder: the first for several splits, the second for one."""


class Columns(Section):
    """Which column is what: the first of the names that a split has."""

    text: tuple[str, ...] = Field(default=("text", "content"), min_length=1)
    doc_id: tuple[str, ...] = Field(default=("doc_id", "id"), description="else the row's number")
    title: tuple[str, ...] = Field(default=("title",), description="else empty")
    author: tuple[str, ...] = Field(default=("author", "authors"), description="else nobody")
    license: tuple[str, ...] = Field(default=("license",), description="else null")
    date: tuple[str, ...] = Field(default=("date",), description="else null")
    group: tuple[str, ...] = Field(default=("group",), description="else the split")


class HuggingFace(Source):
    """``owner/name`` on the hub, or a folder: Parquet, JSON, or written by ``save_to_disk``."""

    name: Literal["huggingface"] = "huggingface"
    path: str = Field(min_length=1, description="owner/name on the hub, or a local folder")
    revision: str = Field(default="", description="commit of 40 hex digits; empty for a folder")
    splits: tuple[str, ...] = Field(default=(), description="to read; empty: every one")
    columns: Columns = Columns()

    def resolved(self) -> Self:
        local = Path(self.path).is_dir()
        if local:
            _without_links(Path(self.path))
        elif not re.fullmatch(r"[\w.-]+/[\w.-]+", self.path):
            raise DataError(f"source.path: {self.path!r} is neither a folder nor owner/name")
        elif not re.fullmatch("[0-9a-f]{40}", self.revision):
            raise ConfigError(
                f"source.revision: {self.revision!r} does not pin {self.path!r}; "
                "give the 40 hex digits of a commit, a branch can change"
            )
        place = self.model_copy(update={"path": str(Path(self.path).resolve())}) if local else self
        found = place._configurations()
        for domain in self.domains:
            if domain not in found:
                raise DataError(f"source.domains: {domain!r} is not there{nearest(domain, found)}")
        return place.model_copy(update={"domains": self.domains or tuple(sorted(found))})

    def manifest(self, domain: str) -> dict[str, str]:
        if Path(self.path).is_dir():
            return digests(Path(self.path))
        return {f"{self.path}/{domain}": self.revision}

    def documents(self, domain: str) -> Iterator[Document]:
        seen: set[str] = set()
        for place, row in self._rows(domain):
            text = _first(row, self.columns.text)
            if text is None or text == "":
                continue
            document = self._document(domain, place, row)
            if document.doc_id in seen:
                raise DataError(f"{self.path} {place}: the doc_id was there before; rename one")
            seen.add(document.doc_id)
            yield document

    def skipped(self, domain: str) -> dict[str, int]:
        texts = (_first(row, self.columns.text) for _, row in self._rows(domain))
        empty = sum(text is None or text == "" for text in texts)
        return {"no text": empty} if empty else {}

    def _document(self, domain: str, place: str, row: Mapping[str, Any]) -> Document:
        columns, split = self.columns, place.rpartition(":")[0]
        author = _first(row, columns.author) or ()
        given = _first(row, columns.doc_id)
        fields = {
            "doc_id": given if isinstance(given, str) else f"{split}:{given}",
            "domain": domain,
            "kind": "row",
            "title": _first(row, columns.title) or "",
            "author": (author,) if isinstance(author, str) else tuple(author),
            "license": _first(row, columns.license),
            "date": _first(row, columns.date),
            "source": f"{self.path}@{self.revision[:12]}:{place}",
            "group": _first(row, columns.group) or f"split:{split}",
            "text": _first(row, columns.text),
        }
        try:
            return Document.model_validate(fields | ({"doc_id": place} if given is None else {}))
        except ValidationError as error:
            raise DataError(f"{self.path} {place}: {complaint(error)}; correct the row") from None

    def _rows(self, domain: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Every row, and where it stands: ``domain/split:number``."""
        splits = self._load(self._configurations()[domain])
        for name in self.splits or sorted(splits):
            if name not in splits:
                raise DataError(f"source.splits: no {name!r} in {domain!r}{nearest(name, splits)}")
            with _Answered(self.path):
                for number, row in enumerate(splits[name]):
                    self._must_have_text(f"{domain}/{name}", row)
                    yield f"{domain}/{name}:{number}", row

    def _must_have_text(self, split: str, row: Mapping[str, Any]) -> None:
        if not any(column in row for column in self.columns.text):
            raise DataError(
                f"{self.path} {split}: none of its columns {sorted(row)} is the text; "
                f"name it in source.columns.text={list(self.columns.text)}"
            )

    def _configurations(self) -> dict[str, str]:
        """Every configuration by the domain it becomes."""
        from datasets import get_dataset_config_names

        folder = Path(self.path)
        if folder.is_dir() and _saved(folder):
            return {"default": ""}
        inside = sorted(path for path in folder.iterdir()) if folder.is_dir() else []
        if saved := [path.name for path in inside if _saved(path)]:
            return {_domain(name): name for name in saved}
        with _Answered(self.path):
            names = get_dataset_config_names(self.path, revision=self.revision or None)
        return {_domain(name): name for name in names}

    def _load(self, configuration: str) -> "Mapping[str, Dataset | IterableDataset]":
        from datasets import Dataset, load_dataset, load_from_disk

        with _Answered(self.path):
            if _saved(saved := Path(self.path) / configuration):
                loaded = load_from_disk(str(saved))
                return {"all": loaded} if isinstance(loaded, Dataset) else loaded
            streamed: Mapping[str, IterableDataset] = load_dataset(
                self.path, configuration, revision=self.revision or None, streaming=True
            )
            return streamed


class UnlearnDataset(HuggingFace):
    """The splits of arXiv 2402.15159; its ``general`` has the column ``content``, not ``text``."""

    name: Literal["unlearn_dataset"] = "unlearn_dataset"  # type: ignore[assignment]
    path: str = Field(default="llmunlearn/unlearn_dataset", min_length=1)
    revision: str = "6f7a7bd39df4b88b7b24f815c202034be562c012"


class _Answered:
    """Says in one line what the library says of a dataset that is not there or not readable."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from datasets.exceptions import DatasetsError

        if isinstance(error, (OSError, ValueError, RuntimeError, DatasetsError)):
            raise DataError(
                f"source.path: {self.path!r} cannot be read as a dataset "
                f"({type(error).__name__}); check the name, the network, or save it in a folder"
            ) from None


def _first(row: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """What ``row`` has under the first of ``names`` that it knows; null where it knows none."""
    return next((row[name] for name in names if name in row), None)


def _saved(folder: Path) -> bool:
    return any((folder / name).is_file() for name in SAVED)


def _domain(configuration: str) -> str:
    return re.sub(r"\W", "_", configuration, flags=re.ASCII)


def _without_links(folder: Path) -> None:
    for path in files_below(folder):
        if path.is_symlink():
            raise DataError(f"{path}: a symbolic link; copy the file into the folder instead")
