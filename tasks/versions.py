"""Data under version control; with ``commands``, the only file that knows DVC.

A *workspace* is a small git and DVC repository for one source and curation, below
``artifacts/data``. Its stages are those of dvc.yaml at the root of the project; a revision of it
and the remote give back the same bytes (`restore`).
"""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tasks.commands import dvc, environment, git, git_must
from tasks.core.errors import DataError, ProcessError
from tasks.core.lock import held
from tasks.core.record import code_digest, storage
from tasks.core.settings import PROJECT, Settings
from tasks.core.variants import Section
from tasks.data.source import Source

COPIED = ("dvc.yaml", ".dvcignore", ".gitignore", ".dvc/.gitignore")
COMMITTED = (*COPIED, ".dvc/config", "params.yaml", "dvc.lock")
STAGE_CODE = ("data", "requests", "stages")
"""Code whose change makes a stage run again, though it is no dependency in dvc.lock."""


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
            dvc(path, ["repro", "--single-item", "--no-run-cache", *forced, *targets], lock)
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
    dvc(into, ["pull", *_stages(into)], None)


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
    dvc(into, ["pull", "split"], None)
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
    if git(path, "cat-file", "-e", f"{revision}^{{commit}}").returncode:
        raise DataError(f"revision {revision} is not in {path}: take one that a record names")
    git_must(into.parent, "clone", "-q", "--no-checkout", str(path), str(into))
    git_must(into, "checkout", "-q", "--detach", revision)


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
        git_must(path, "init", "-q", "-b", "main")
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
    if git(path, "rev-parse", "-q", "--verify", "HEAD").returncode:
        shutil.rmtree(path)
    else:
        git_must(path, "reset", "-q", "--hard")


def _committed(path: Path, targets: Sequence[str], lock: int) -> str:
    """Commit what changed, push the data, and say which commit it is."""
    git_must(path, "add", *COMMITTED)
    if git(path, "diff", "--cached", "--quiet").returncode:
        git_must(path, "commit", "-q", "-m", f"reproduce {' '.join(targets)}")
    revision = git_must(path, "rev-parse", "HEAD")
    if git(path, "rev-parse", "-q", "--verify", _pushed()).stdout.strip() != revision:
        dvc(path, ["push"], lock)
        git_must(path, "update-ref", _pushed(), revision)
    return revision


def _pushed() -> str:
    """The git reference of what the remote in use has; another remote has another."""
    remote = hashlib.sha256(Settings().dvc_remote.encode()).hexdigest()
    return f"refs/lethe/pushed-{remote[:12]}"


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
    result = subprocess.run(command, cwd=path, env=environment(), capture_output=True, check=False)
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
        git_must(path, *at, "init", "-q", "-b", "main")
        git_must(path, *at, "config", "--unset", "core.worktree")
        git_must(path, *at, "add", *COMMITTED)
        git_must(path, *at, "commit", "-q", "-m", "the revisions before were erased")
        dvc(path, ["push"], lock)
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
