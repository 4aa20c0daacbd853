"""``lethe request`` and ``lethe log``: requests on their way, and the log of what was done."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from flows.terminal import (
    FAILED,
    Assignments,
    Json,
    answer,
    as_yaml,
    only_answers_on_stdout,
    run_config,
)

request = typer.Typer(no_args_is_help=True, help="Deletion requests, from receipt to erasure.")
log = typer.Typer(no_args_is_help=True, help="The append-only log of what was done.")

Id = Annotated[str, typer.Argument(help="of the request, as in lethe request list")]
By = Annotated[str, typer.Option(help="who does it, by a reference such as officer-7")]


@request.command()
def add(
    selectors: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY=VALUE|FILE...",
            help="what to forget: doc_ids, authors, titles, repositories, owners, groups, "
            "licenses, passages as lists, e.g. 'authors=[Marta Quill]'; dated_from, dated_to; "
            "or a YAML or JSON file of them",
        ),
    ],
    asked_by: Annotated[str, typer.Option(help="who asked, by a reference such as subject-0042")],
    ground: Annotated[
        str,
        typer.Option(
            help="consent_withdrawn, objection, no_longer_needed, unlawful, copyright or "
            "legal_obligation"
        ),
    ],
    received: Annotated[str, typer.Option(help="2026-11-30, or a time; now unless given")] = "",
    due: Annotated[str, typer.Option(help="30 days after it was received unless given")] = "",
    model: Annotated[
        list[str] | None, typer.Option(help="lethe-NAME that is to forget; lethe-demo unless given")
    ] = None,
    as_json: Json = False,
) -> None:
    """Enter a request; the same again gives the same id."""
    from flows.requesting import as_line, drafted, told
    from tasks import ledger

    now = _now()
    draft = drafted(selectors, asked_by, ground, received, due, model or [], now)
    answer(told(ledger.add(draft), now), as_line, as_json)


@request.command("list")
def listed(as_json: Json = False) -> None:
    """Every request: what is overdue first, then what is due next."""
    from flows.requesting import as_table, summary
    from tasks import ledger

    now = _now()
    answer({"requests": [summary(one, now) for one in ledger.listed()]}, as_table, as_json)


@request.command()
def show(id: Id, as_json: Json = False) -> None:
    """A request with what it selects and every move; passages by their digest."""
    from flows.requesting import as_page, told
    from tasks import ledger

    answer(told(ledger.find(id), _now()), as_page, as_json)


@request.command()
def status(id: Id, as_json: Json = False) -> None:
    """Where a request stands, in one line."""
    from flows.requesting import as_line, summary
    from tasks import ledger

    answer(summary(ledger.find(id), _now()), as_line, as_json)


@request.command()
def plan(id: Id, assignments: Assignments = None, as_json: Json = False) -> None:
    """Show what a request would take, add and leave; a received one is planned from then on."""
    from flows.planning import planned
    from tasks.requests.plan import rendered

    config = run_config(assignments)
    with only_answers_on_stdout():
        result = planned(id, config)
    answer(result.model_dump(mode="json"), lambda _: rendered(result), as_json)


@request.command()
def approve(
    id: Id, by: By, why: Annotated[str, typer.Option(help="kept")] = "", as_json: Json = False
) -> None:
    """Let a planned request run."""
    _move(id, "approved", by, why, as_json)


@request.command()
def reject(
    id: Id, by: By, why: Annotated[str, typer.Option(help="kept")], as_json: Json = False
) -> None:
    """Turn a request down, for good."""
    _move(id, "rejected", by, why, as_json)


@log.command()
def verify(
    heads: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NUMBER:DIGEST]...", help="heads noted elsewhere, as certificates"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Find any change, omission or reorder; exit code 3 if there is one."""
    from tasks import ledger
    from tasks.requests.chain import noted

    broken = ledger.broken([noted(text) for text in heads or []])
    result = {"whole": not broken, "broken": broken, "head": str(ledger.head())}
    answer(result, as_yaml, as_json)
    if broken:
        raise typer.Exit(FAILED)


@log.command("show")
def shown(
    subject: Annotated[str, typer.Option(help="a request, a model; all unless given")] = "",
    last: Annotated[int, typer.Option(min=1, help="entries, the newest")] = 50,
    as_json: Json = False,
) -> None:
    """The newest entries of the log, oldest first."""
    from tasks import ledger

    entries = [entry for entry in ledger.entries() if subject in ("", entry.subject)][-last:]
    answer({"entries": [entry.model_dump(mode="json") for entry in entries]}, _as_log, as_json)


def _move(id: str, to: Any, by: str, why: str, as_json: bool) -> None:
    from flows.requesting import as_line, told
    from tasks import ledger

    answer(told(ledger.move(id, to, by, why), _now()), as_line, as_json)


def _as_log(result: dict[str, Any]) -> str:
    from tasks.requests.plan import escaped

    return "\n".join(
        escaped(
            f"{entry['number']:>6}  {entry['at'][:19]}Z  {entry['kind']}  {entry['subject']}  "
            f"by {entry['by']}  "
            + ", ".join(f"{name} {value}" for name, value in entry["details"].items())
        ).rstrip()
        for entry in result["entries"]
    )


def _now() -> datetime:
    return datetime.now(UTC)
