"""Checked-out repositories: source files that people wrote, each with its repository's licence.

A folder holds them as ``owner/name/...`` or as ``name/...`` with a remote in ``.git/config``.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tasks.data.licenses import license_of
from tasks.data.source import Document
from tasks.data.walk import Skipped, document, files_below, text_of

LANGUAGES = frozenset(
    {
        ".c",
        ".cc",
        ".cpp",
        ".cs",
        ".cxx",
        ".go",
        ".h",
        ".hpp",
        ".hs",
        ".java",
        ".jl",
        ".js",
        ".jsx",
        ".kt",
        ".lua",
        ".m",
        ".ml",
        ".mjs",
        ".php",
        ".pl",
        ".pxd",
        ".py",
        ".pyi",
        ".pyx",
        ".r",
        ".rb",
        ".rs",
        ".scala",
        ".sh",
        ".sql",
        ".swift",
        ".ts",
        ".tsx",
        ".zig",
    }
)
VENDORED = frozenset(
    {
        "_vendor",
        "bower_components",
        "build",
        "dist",
        "extern",
        "external",
        "node_modules",
        "site-packages",
        "third-party",
        "third_party",
        "thirdparty",
        "vendor",
        "vendored",
    }
)
MIN_CHARACTERS = 200
MINIFIED_LINE = 2000
"""Characters; nobody writes such a line by hand."""
MINIFIED_MEAN = 200
_GENERATED = re.compile(
    r"@generated|\bdo not edit\b|auto-?generated (by|file|from)|file (is|was) (auto\w* )?generated",
    re.IGNORECASE,
)
_REMOTE = re.compile(r"^\s*url\s*=\s*\S*?([\w.-]+)/([\w.-]+?)(?:\.git)?/?\s*$", re.MULTILINE)


def code(folder: Path, max_bytes: int) -> Iterator[Document | Skipped]:
    """Every source file of every repository in ``folder``, and why the other files are none."""
    seen: set[str] = set()
    for root in checkouts(folder):
        name = _name(root, folder)
        if name.lower() in seen:
            yield Skipped(str(root), "another checkout of the same repository")
            continue
        seen.add(name.lower())
        license, commit, date = license_of(root), *_head(root)
        for path in files_below(root):
            inside = path.relative_to(root).as_posix()
            text = _written(path, inside, max_bytes)
            yield (
                text
                if isinstance(text, Skipped)
                else document(
                    path,
                    doc_id=f"github:{name}:{inside}",
                    domain="github",
                    kind="file",
                    title=path.name,
                    author=(name,),
                    license=license,
                    date=date,
                    source=f"{name}:{inside}{commit}",
                    group=f"repo:{name}",
                    text=text,
                )
            )


def checkouts(folder: Path) -> Iterator[Path]:
    """The roots of the repositories: folders with ``.git`` or files, else the folders in them."""
    if (folder / ".git").exists():
        yield folder
        return
    for first in _folders(folder):
        if any(path.name == ".git" or path.is_file() for path in first.iterdir()):
            yield first
        else:
            yield from _folders(first)


def provenance(folder: Path) -> dict[str, str]:
    """Which repository, commit and date each checkout says it is."""
    return {
        f"{root.relative_to(folder)}/.git": " ".join([_name(root, folder), *map(str, _head(root))])
        for root in checkouts(folder)
    }


def _folders(folder: Path) -> list[Path]:
    inside = (path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    return sorted(path for path in inside if not path.name.startswith("."))


def _name(root: Path, folder: Path) -> str:
    config = _git(root, "config")
    if found := _REMOTE.search(config):
        return f"{found[1]}/{found[2]}"
    if folder in (root.parent, root):
        return f"local/{root.name}"
    return f"{root.parent.name}/{root.name}"


def _head(root: Path) -> tuple[str, str | None]:
    """``@`` and twelve digits of the commit that is checked out, and its day where git noted it."""
    last = _git(root, "logs/HEAD").splitlines()[-1:]
    found = re.match(r"\w+ (\w{12})\w* .*> (\d{1,11}) [+-]\d{4}", last[0]) if last else None
    if not found:
        return "", None
    return f"@{found[1]}", datetime.fromtimestamp(int(found[2]), UTC).date().isoformat()


def _git(root: Path, name: str) -> str:
    path = root / ".git" / name
    if path.parent.is_symlink() or not path.is_file():
        return ""
    text = text_of(path, 10_000_000)
    return "" if isinstance(text, Skipped) else text


def _written(path: Path, inside: str, max_bytes: int) -> str | Skipped:
    """The text of ``path`` if a person wrote it as source code."""
    if path.suffix.lower() not in LANGUAGES and not path.is_symlink():
        return Skipped(str(path), "not source code")
    if VENDORED & set(inside.lower().split("/")[:-1]):
        return Skipped(str(path), "vendored")
    text = text_of(path, max_bytes)
    if isinstance(text, Skipped):
        return text
    reason = _machine_made(path.name, text)
    return Skipped(str(path), reason) if reason else text


def _machine_made(name: str, text: str) -> str:
    lines = text.split("\n")
    if len(text.strip()) < MIN_CHARACTERS:
        return "too small"
    longest = max(map(len, lines))
    if ".min." in name or longest > MINIFIED_LINE or len(text) > MINIFIED_MEAN * len(lines):
        return "minified"
    if re.search(r"_pb2(_grpc)?\.py$|\.pb\.go$", name) or _GENERATED.search(text[:1000]):
        return "generated"
    return ""
