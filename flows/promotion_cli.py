"""``lethe promote``, ``lethe reject`` and ``lethe rollback``: who is champion, decided by hand."""

from typing import Annotated, Any, Literal

import typer

from flows.terminal import Json, answer, full_name, only_answers_on_stdout

app = typer.Typer()

Version = Annotated[str, typer.Argument(help="lethe-demo/3, lethe-demo@candidate, or 3")]
By = Annotated[str, typer.Option(help="who decides, by a reference such as officer-7")]
Why = Annotated[str, typer.Option(help="kept for ever; nothing of what is to be forgotten")]


@app.command()
def promote(version: Version, by: By, why: Why, as_json: Json = False) -> None:
    """Make a candidate the champion; run again, it finishes what was interrupted."""
    _decide(version, "approve", by, why, as_json)


@app.command()
def reject(version: Version, by: By, why: Why, as_json: Json = False) -> None:
    """Turn a candidate down; the requests it answers wait for another and a new approval."""
    _decide(version, "reject", by, why, as_json)


@app.command()
def rollback(
    model: Annotated[str, typer.Argument(help="registered model, such as lethe-demo")],
    by: By,
    why: Why,
    as_json: Json = False,
) -> None:
    """Make the version that the champion came from champion again."""
    from flows.certifying import amend
    from tasks.promote import roll_back

    said = _said("approve", by, why)
    with only_answers_on_stdout():
        ruling = roll_back.fn(model, said.by, said.why)
        for id in ruling.requests:
            amend(id, "revoked", ())
    answer(ruling.model_dump(mode="json"), lambda _: ruling.line, as_json)


def _decide(
    version: str, decision: Literal["approve", "reject"], by: str, why: str, as_json: bool
) -> None:
    from tasks.promote import carry_out

    said = _said(decision, by, why)
    with only_answers_on_stdout():
        ruling = carry_out.fn(full_name(version), said.decision, said.by, said.why)
    answer(ruling.model_dump(mode="json"), lambda _: ruling.line, as_json)


def _said(decision: Literal["approve", "reject"], by: str, why: str) -> Any:
    from flows.decisions import Decision
    from tasks.requests.deletion import valid

    return valid(Decision, {"decision": decision, "by": by, "why": why})
