"""What the commands share: one answer on standard output, and the run that assignments describe."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

Assignments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...",
        help="changes to params.yaml, e.g. unlearn.steps=20; params=FILE first: to that file",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object and nothing else")]

FAILED = 3
"""Exit code: what was judged or checked did not pass."""

BAD_INPUT = 2


def run_config(assignments: list[str] | None) -> Any:
    """The run that ``assignments`` describe."""
    from flows.config import RunConfig, configured, described
    from tasks.training.model import pinned

    config = configured(RunConfig, described(assignments or []))
    pinned(config.model)
    return config


def full_name(version: str) -> str:
    """A version as it is registered; a number alone is of the demonstration."""
    return f"lethe-demo/{version}" if version.isdigit() else version


@contextmanager
def only_answers_on_stdout() -> Iterator[None]:
    """Whatever a library or a child process prints goes to standard error meanwhile."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def answer(result: dict[str, Any], render: Callable[[dict[str, Any]], str], as_json: bool) -> None:
    """Print ``result`` as one JSON object, or as ``render`` says it."""
    typer.echo(json.dumps(result, allow_nan=False) if as_json else render(result))


def as_yaml(result: dict[str, Any]) -> str:
    """A result for a person to read, nothing in it but printable ASCII."""
    import yaml

    return yaml.safe_dump(result, sort_keys=False, allow_unicode=False).rstrip()
