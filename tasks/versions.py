"""Data under version control: the only file that knows DVC.

A *workspace* is a small git and DVC repository for one source and curation, below
``artifacts/data``. Its stages are those of dvc.yaml at the root of the project; a revision of it
and the remote give back the same bytes (`restore`). DVC runs as a child process: it dies with us,
and so do the stages it started (see ``LEASH`` in ``tasks/stages.py``).
"""

import ctypes
import hashlib
import json
import logging
import os
import re
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from tasks.core.errors import (
    BusyError,
    ConfigError,
    DataError,
    LetheError,
    ProcessError,
    StorageError,
)
from tasks.core.lock import held
from tasks.core.record import code_digest, storage
from tasks.core.settings import PROJECT, Settings
from tasks.core.variants import Section
from tasks.data.source import Source

COPIED = ("dvc.yaml", ".dvcignore", ".gitignore", ".dvc/.gitignore")
COMMITTED = (*COPIED, ".dvc/config", "params.yaml", "dvc.lock")
STAGE_CODE = ("data", "requests", "stages")
"""Code whose change makes a stage run again, though it is no dependency in dvc.lock."""
DIED_WITH_PARENT = 1  # PR_SET_PDEATHSIG
POLL_SECONDS = 0.5
FORESEEN: dict[str, type[LetheError]] = {
    error.__name__: error for error in (ConfigError, DataError, StorageError, BusyError)
}
# What DVC says itself, and what we say of it.
DVC_SAYS: dict[str, LetheError] = {
    "No space left on device": StorageError("no space left for the data: free some"),
    "Permission denied": StorageError("the data may not be written: change the mode of artifacts"),
    "is busy, it is being": BusyError("another `dvc repro` runs in the workspace: wait for it"),
    "Unable to acquire lock": BusyError("another `dvc` runs in the workspace: wait for it"),
}
log = logging.getLogger(__name__)


def workspace(source: Source, curation: Section) -> Path:
    """The workspace of a source and its curation, made if it is not there."""
    identity = [source.resolved().model_dump(mode="json"), curation.model_dump(mode="json")]
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    path = Settings().root / "data" / digest[:12]
    with _locked(path):
        _create(path)
    return path


def reproduce(path: Path, params: dict[str, Any], targets: Sequence[str]) -> str:
    """Bring ``targets`` up to date with ``params`` and the sources; the commit that says so.

    Args:
        path: The workspace.
        params: Sections of params.yaml to replace; the others stay.
        targets: Stages in their order; what they depend on is taken as it is.

    Raises:
        LetheError: what the failing stage said. The workspace is back at its last commit.
    """
    with reproduced(path, params, targets) as revision:
        return revision


@contextmanager
def reproduced(path: Path, params: dict[str, Any], targets: Sequence[str]) -> Iterator[str]:
    """As `reproduce`; the outputs stay those of the revision while the context lasts."""
    with _locked(path) as lock:
        _create(path)
        try:
            _write_params(path, params)
            forced = ["--force"] if _code_changed(path, targets) else []
            _dvc(path, ["repro", "--single-item", "--no-run-cache", *forced, *targets], lock)
        except BaseException:
            _undo(path)
            raise
        _note_code(path, targets)
        yield _committed(path, targets, lock)


def restore(path: Path, revision: str, into: Path) -> None:
    """Clone the workspace at ``revision`` to ``into`` and pull its data from the remote.

    Raises:
        DataError: there is no such revision.
        StorageError: the remote does not have the data any more.
    """
    _clone(path, revision, into)
    (into / ".dvc/config.local").write_text(_config())
    _dvc(into, ["pull", *_stages(into)], None)


def fetch_splits(path: Path, revision: str, into: Path) -> Path:
    """Clone the workspace at ``revision`` to ``into``; the splits as the remote has them now.

    It is the remote that the revision names, and none of what is cached here is taken for it.

    Raises:
        DataError: there is no such workspace on this machine, or no such revision.
        LetheError: the remote does not have the data any more.
    """
    if not (path / ".git").exists():
        raise DataError(f"{path} is no workspace on this machine: run this where the data is")
    _clone(path, revision, into)
    (into / ".dvc/config.local").write_text("[cache]\n    dir = cache\n")
    _dvc(into, ["pull", "split"], None)
    return into / "artifacts/data/splits"


def stage_md5(path: Path, output: str) -> str:
    """What DVC calls the content of ``output`` (relative to the workspace) in dvc.lock.

    A file inside a directory output has its own MD5.

    Raises:
        DataError: no stage has made it.
    """
    outs = {out["path"]: out["md5"] for made in _stages(path).values() for out in made["outs"]}
    for folder in [Path(output), *Path(output).parents]:
        if (digest := outs.get(folder.as_posix())) is None:
            continue
        if folder.as_posix() == output:
            return str(digest)
        listing = Settings().root / "dvc-cache" / "files/md5" / digest[:2] / digest[2:]
        inside = Path(output).relative_to(folder).as_posix()
        for entry in json.loads(listing.read_text()):
            if entry["relpath"] == inside:
                return str(entry["md5"])
    raise DataError(f"no stage in {path} has made {output}: run `lethe curate` again")


def _clone(path: Path, revision: str, into: Path) -> None:
    if _git(path, "cat-file", "-e", f"{revision}^{{commit}}").returncode:
        raise DataError(f"revision {revision} is not in {path}: take one that a record names")
    _git_must(into.parent, "clone", "-q", "--no-checkout", str(path), str(into))
    _git_must(into, "checkout", "-q", "--detach", revision)


def _stages(path: Path) -> dict[str, Any]:
    """The stages that have been made, as dvc.lock has them."""
    stages: dict[str, Any] = yaml.safe_load((path / "dvc.lock").read_text())["stages"]
    return stages


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    lock = path.with_name(f".{path.name}.lock")
    with storage(path), held(lock, Settings().wait_seconds) as descriptor:
        yield descriptor


def _create(path: Path) -> None:
    """Make or refresh the files that a workspace has from the project."""
    (path / ".dvc").mkdir(parents=True, exist_ok=True)
    if not (path / ".git").exists():
        _git_must(path, "init", "-q", "-b", "main")
    for name in COPIED:
        shutil.copyfile(PROJECT / name, path / name)
    (path / ".dvc/config").write_text(_config())


def _config() -> str:
    """The DVC config of the project, with this run's remote and artifacts in place of its own."""
    settings = Settings()
    text = (PROJECT / ".dvc/config").read_text()
    remote = settings.dvc_remote or str(settings.root / "dvc-remote")
    return text.replace("../artifacts/dvc-remote", remote).replace(
        "../artifacts", str(settings.root)
    )


def _write_params(path: Path, params: dict[str, Any]) -> None:
    file = path / "params.yaml"
    sections = yaml.safe_load(file.read_text()) if file.exists() else {}
    file.write_text(yaml.safe_dump({**sections, **params}, allow_unicode=True))


def _code_stamp(path: Path, targets: Sequence[str]) -> Path:
    return path / ".dvc/tmp" / f"code-{'-'.join(targets)}"


def _code_changed(path: Path, targets: Sequence[str]) -> bool:
    """Whether the stages were last run by other code; DVC itself does not look at it."""
    stamp = _code_stamp(path, targets)
    return not stamp.exists() or stamp.read_text() != code_digest(STAGE_CODE)


def _note_code(path: Path, targets: Sequence[str]) -> None:
    stamp = _code_stamp(path, targets)
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(code_digest(STAGE_CODE))


def _undo(path: Path) -> None:
    """Back to the last commit; a workspace that never had one is removed."""
    if _git(path, "rev-parse", "-q", "--verify", "HEAD").returncode:
        shutil.rmtree(path)
    else:
        _git_must(path, "reset", "-q", "--hard")


def _committed(path: Path, targets: Sequence[str], lock: int) -> str:
    """Commit what changed, push the data, and say which commit it is."""
    _git_must(path, "add", *COMMITTED)
    if _git(path, "diff", "--cached", "--quiet").returncode:
        _git_must(path, "commit", "-q", "-m", f"reproduce {' '.join(targets)}")
    revision = _git_must(path, "rev-parse", "HEAD")
    if _git(path, "rev-parse", "-q", "--verify", _pushed()).stdout.strip() != revision:
        _dvc(path, ["push"], lock)
        _git_must(path, "update-ref", _pushed(), revision)
    return revision


def _pushed() -> str:
    """The git reference of what the remote in use has; another remote has another."""
    remote = hashlib.sha256(Settings().dvc_remote.encode()).hexdigest()
    return f"refs/lethe/pushed-{remote[:12]}"


def _git(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *arguments],
        cwd=path,
        env=_environment(),
        text=True,
        capture_output=True,
        check=False,
    )


def _git_must(path: Path, *arguments: str) -> str:
    result = _git(path, *arguments)
    if result.returncode:
        raise ProcessError(f"git {arguments[0]} in {path}: {' '.join(result.stderr.split())}")
    return result.stdout.strip()


def _environment() -> dict[str, str]:
    """Ours, without what a person's git or shell configuration would change."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)])
    modules = os.pathsep.join(filter(None, [str(PROJECT), kept.get("PYTHONPATH")]))
    return kept | {
        "PATH": path,
        "PYTHONPATH": modules,
        "SHELL": "/bin/sh",
        "DVC_NO_ANALYTICS": "1",
        "LETHE_ARTIFACTS": str(Settings().root),
        "LETHE_TOMBSTONES": str(Settings().tombstones_path),
        "DVC_SITE_CACHE_DIR": str(Settings().root / "dvc-site"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "lethe",
        "GIT_AUTHOR_EMAIL": "lethe@localhost",
        "GIT_COMMITTER_NAME": "lethe",
        "GIT_COMMITTER_EMAIL": "lethe@localhost",
        "LETHE_LEASH": "1",
    }


def _dvc(path: Path, arguments: list[str], lock: int | None) -> None:
    """Run DVC in a workspace; its stages' progress goes to our standard error.

    Raises:
        LetheError: it failed; the message is the failing stage's own where it had one.
    """
    said = path / ".dvc/tmp/lethe.log"
    said.parent.mkdir(exist_ok=True)
    with (
        said.open("wb") as out,
        subprocess.Popen(
            [sys.executable, "-m", "dvc", *arguments],
            cwd=path,
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=[] if lock is None else [lock],
            preexec_fn=_die_with_parent,  # noqa: PLW1509
        ) as process,
    ):
        try:
            lines = list(_forwarded(process))
            code = process.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if code:
        raise _failure(arguments[0], code, lines)


def _die_with_parent() -> None:
    ctypes.CDLL("libc.so.6").prctl(DIED_WITH_PARENT, signal.SIGKILL)


def _forwarded(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """Each line of a process's standard error, shown to the person at once unless it is an error.

    Ends with the process, even if an orphan of it keeps the pipe open.
    """
    assert process.stderr is not None
    line = b""
    while True:
        ready, _, _ = select.select([process.stderr], [], [], POLL_SECONDS)
        if not ready and process.poll() is not None:
            break
        if ready and not (piece := os.read(process.stderr.fileno(), 65_536)):
            break
        for byte_line in (line + piece).splitlines(keepends=True) if ready else []:
            line = byte_line if not byte_line.endswith((b"\n", b"\r")) else b""
            if not line:
                text = byte_line.decode(errors="replace")
                _show(text)
                yield text.strip()
    yield line.decode(errors="replace").strip()


def _show(line: str) -> None:
    """Show a progress bar (it has a clock); errors are raised, and DVC keeps to itself."""
    if re.search(r"\[\d\d:\d\d", line):
        sys.stderr.write(line)
        sys.stderr.flush()


def _failure(command: str, code: int, lines: list[str]) -> LetheError:
    for line in lines:
        name, colon, message = line.partition(": ")
        if colon and name in FORESEEN:
            return FORESEEN[name](message)
    for words, error in DVC_SAYS.items():
        if any(words in line for line in lines):
            return error
    for line in lines:
        log.debug("dvc: %s", line)
    last = next((line for line in reversed(lines) if line.startswith("ERROR: ")), "no reason given")
    return ProcessError(
        f"dvc {command} ended with exit code {code}: {last.removeprefix('ERROR: ')}"
    )


def workspaces() -> list[Path]:
    """Every workspace on this machine."""
    return sorted(found.parent for found in (Settings().root / "data").glob("*/.git"))


def parameters(path: Path) -> dict[str, Any]:
    """The params.yaml of a workspace."""
    params: dict[str, Any] = yaml.safe_load((path / "params.yaml").read_text())
    return params


def revisions(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every object that git keeps of a workspace, of whatever revision, and of none."""
    command = ["git", "cat-file", "--batch-all-objects", "--batch"]
    result = subprocess.run(command, cwd=path, env=_environment(), capture_output=True, check=False)
    if result.returncode:
        raise ProcessError(f"git cat-file in {path} ended with exit code {result.returncode}")
    if result.stdout:
        yield f"{path.name}/.git", result.stdout


def drop_history(path: Path) -> None:
    """Make what the workspace holds now its first revision, without any split.

    The new repository is whole before the old one goes.
    """
    with _locked(path) as lock:
        _drop_split(path)
        fresh = path / ".git-fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        at = (f"--git-dir={fresh}", f"--work-tree={path}")
        _git_must(path, *at, "init", "-q", "-b", "main")
        _git_must(path, *at, "config", "--unset", "core.worktree")
        _git_must(path, *at, "add", *COMMITTED)
        _git_must(path, *at, "commit", "-q", "-m", "the revisions before were erased")
        _dvc(path, ["push"], lock)
        shutil.rmtree(path / ".git")
        fresh.rename(path / ".git")


def _drop_split(path: Path) -> None:
    """Take what a request left out of params.yaml, dvc.lock and the outputs."""
    for name, section in (("params.yaml", ("request", "splits")), ("dvc.lock", ("split",))):
        told = yaml.safe_load((path / name).read_text())
        within = told["stages"] if name == "dvc.lock" else told
        for key in section:
            within.pop(key, None)
        (path / name).write_text(yaml.safe_dump(told, allow_unicode=True))
    shutil.rmtree(path / "artifacts/data/splits", ignore_errors=True)
    (path / ".dvc/tmp/lethe.log").unlink(missing_ok=True)
