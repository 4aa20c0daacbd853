"""The ``lethe`` command line.

Exit codes: 0 done (for ``run``: the gate passed), 3 the gate or a check failed, 2 bad input, 1
anything else. Standard output holds the answer and nothing else; progress and logs go to standard
error. Heavy imports live inside the commands, so that ``lethe --help`` answers at once.
"""

import sys
from typing import Annotated, Any, Literal

import typer

from flows import certificates_cli, promotion_cli, requests_cli
from flows.terminal import (
    BAD_INPUT,
    FAILED,
    Assignments,
    Json,
    answer,
    as_yaml,
    full_name,
    only_answers_on_stdout,
    run_config,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Make a language model forget what someone has the right to have forgotten.",
)
app.add_typer(requests_cli.request, name="request")
app.add_typer(requests_cli.log, name="log")
app.add_typer(certificates_cli.certificate, name="certificate")
app.add_typer(promotion_cli.app)

Version = Annotated[str, typer.Argument(help="lethe-demo/3, lethe-demo@candidate, or 3")]

Page = Literal["mlflow", "prefect"]


@app.command()
def demo(as_json: Json = False) -> None:
    """One complete unlearning event on the embedded defaults."""
    run([], as_json)


@app.command()
def run(assignments: Assignments = None, as_json: Json = False) -> None:
    """Forget what the request names, judge the result, register the model version."""
    from flows.outcome import as_json as told
    from flows.outcome import as_text
    from flows.unlearning import unlearning

    config = run_config(assignments)
    with only_answers_on_stdout():
        result = told(unlearning(config))
    answer(result, as_text, as_json)
    if not result["verdict"]["pass"]:
        raise typer.Exit(FAILED)


@app.command()
def delete(
    named: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[REQUEST|KEY=VALUE]...",
            help="ids of requests, all that wait unless given; changes to the run, params=FILE "
            "first; delete.escalation",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Answer deletion requests that were approved; what passes the gate becomes the candidate."""
    from flows.deletion import deletion, described, summary

    config = described(named or [])
    with only_answers_on_stdout():
        result = summary(deletion(config))
    answer(result, as_yaml, as_json)


@app.command()
def erase(
    named: Annotated[str, typer.Argument(metavar="REQUEST", help="id of a certified request")],
    by: Annotated[str, typer.Option(help="who does it, by a reference such as officer-7")],
    as_json: Json = False,
) -> None:
    """Remove what a certified request had forgotten from everywhere, and say what remains."""
    from flows.erasure import ErasureConfig, erasure, summary
    from tasks.requests.deletion import valid

    config = valid(ErasureConfig, {"request": named, "by": by})
    with only_answers_on_stdout():
        result = summary(erasure(config))
    answer(result, as_yaml, as_json)


@app.command()
def sweep(
    by: Annotated[str, typer.Option(help="who does it, by a reference such as officer-7")],
    as_json: Json = False,
) -> None:
    """Delete the files of revoked model versions whose grace has passed."""
    from flows.erasure import SweepConfig, sweeping
    from tasks.requests.deletion import valid

    config = valid(SweepConfig, {"by": by})
    with only_answers_on_stdout():
        result = sweeping(config).model_dump(mode="json")
    answer(result, as_yaml, as_json)


@app.command()
def certify(
    requests: Annotated[
        list[str] | None,
        typer.Argument(metavar="[REQUEST]...", help="all that were promoted unless given"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Issue a signed certificate for requests that were promoted."""
    from flows.certifying import CertifyConfig, certifying, summary

    config = CertifyConfig(requests=tuple(requests or ()))
    with only_answers_on_stdout():
        result = summary(certifying(config))
    answer(result, as_yaml, as_json)


@app.command()
def curate(assignments: Assignments = None, as_json: Json = False) -> None:
    """Ingest, clean and deduplicate the corpora under DVC."""
    from flows.curation import curation
    from tasks.curate import summary

    config = run_config(assignments)
    with only_answers_on_stdout():
        result = summary(curation(config))
    answer(result, as_yaml, as_json)


@app.command()
def plan(assignments: Assignments = None, as_json: Json = False) -> None:
    """Show what a request would take, add and leave, before anything is trained."""
    from tasks.curate import curate as curated
    from tasks.plan import planned
    from tasks.requests.plan import rendered

    config = run_config(assignments)
    with only_answers_on_stdout():
        corpus = curated.fn(config.source, config.curation)
        result = planned(corpus, config.request, config.splits)
    answer(result.model_dump(mode="json"), lambda _: rendered(result), as_json)


@app.command()
def bench(assignments: Assignments = None, as_json: Json = False) -> None:
    """Compare methods x requests x learning rates x seeds, e.g. study=lr_robustness."""
    from flows import benchmark, distribution

    given = assignments or []
    named = [text.removeprefix("study=") for text in given if text.startswith("study=")]
    rest = [text for text in given if not text.startswith("study=")]
    if named and named[-1] in distribution.STUDIES:
        start = distribution.STUDIES[named[-1]]
        planted = _varied(distribution.DistributionConfig, "bench", rest, start)
        with only_answers_on_stdout():
            result = distribution.summary(distribution.distribution(planted))
    else:
        start = benchmark.study(named[-1], distribution.STUDIES) if named else {}
        config = _varied(benchmark.BenchmarkConfig, "bench", rest, start)
        with only_answers_on_stdout():
            result = benchmark.summary(benchmark.benchmark(config))
    answer(result, as_yaml, as_json)


@app.command()
def tune(assignments: Assignments = None, as_json: Json = False) -> None:
    """Search the knobs of methods for a model and a forget set, e.g. tune.trials=12."""
    from flows.tuning import TuneConfig, summary, tuning

    config = _varied(TuneConfig, "tune", assignments or [], {})
    with only_answers_on_stdout():
        result = summary(tuning(config))
    answer(result, as_yaml, as_json)


@app.command()
def stress(assignments: Assignments = None, as_json: Json = False) -> None:
    """Try to bring back what was forgotten, e.g. stress.prompt.samples=32."""
    from flows.stressing import StressConfig, as_text, stressing, summary

    config = _varied(StressConfig, "stress", assignments or [], {})
    with only_answers_on_stdout():
        result = summary(stressing(config))
    answer(result, as_text, as_json)


@app.command()
def downstream(assignments: Assignments = None, as_json: Json = False) -> None:
    """Ask target, unlearned and retrained model the same tasks, e.g. downstream.tasks=[mmlu]."""
    from flows.downstream import DownstreamRun, as_text, summary
    from flows.downstream import downstream as flow

    config = _varied(DownstreamRun, "downstream", assignments or [], {})
    with only_answers_on_stdout():
        result = summary(flow(config))
    answer(result, as_text, as_json)


@app.command()
def methods(as_json: Json = False) -> None:
    """List the methods and what they are made of: a line, a source and the knobs of each."""
    from flows import catalogue

    answer(catalogue.methods(), catalogue.as_text, as_json)


@app.command()
def metrics(as_json: Json = False) -> None:
    """List the metrics and attacks: a line, a source and the knobs of each."""
    from flows import catalogue

    answer(catalogue.metrics(), catalogue.as_text, as_json)


@app.command()
def audit(version: Version, assignments: Assignments = None, as_json: Json = False) -> None:
    """Measure and attack a registered model version; trains nothing."""
    from flows.auditing import AuditConfig, auditing, summary

    run = run_config(assignments)
    config = AuditConfig(version=full_name(version), evaluate=run.evaluate, attack=run.attack)
    with only_answers_on_stdout():
        result = summary(auditing(config))
    answer(result, as_yaml, as_json)


@app.command()
def nightly(assignments: Assignments = None, as_json: Json = False) -> None:
    """Test all that was ever forgotten against the champion, e.g. model=lethe-demo."""
    from flows.config import configured, overlay
    from flows.nightly import NightlyConfig, summary
    from flows.nightly import nightly as flow

    config = configured(NightlyConfig, overlay({}, assignments or []))
    with only_answers_on_stdout():
        result = summary(flow(config))
    answer(result, as_yaml, as_json)


@app.command()
def reconcile(assignments: Assignments = None, as_json: Json = False) -> None:
    """Find what runs that died have left, and settle it, e.g. model=lethe-demo."""
    from flows.config import configured, overlay
    from flows.reconciling import ReconcileConfig, reconciling, summary

    config = configured(ReconcileConfig, overlay({}, assignments or []))
    with only_answers_on_stdout():
        result = summary(reconciling(config))
    answer(result, as_yaml, as_json)


@app.command()
def show(version: Version, as_json: Json = False) -> None:
    """The lineage of a registered model version."""
    from tasks.registry import show as lineage

    with only_answers_on_stdout():
        result = lineage(full_name(version))
    answer(result, as_yaml, as_json)


@app.command()
def report(version: Version) -> None:
    """Fetch the report of a registered model version; prints its path."""
    from tasks.registry import report_path

    with only_answers_on_stdout():
        path = report_path(full_name(version))
    typer.echo(path)


@app.command()
def ui(page: Annotated[Page, typer.Argument(help="which page")]) -> None:
    """Serve the MLflow or the Prefect page on loopback until interrupted."""
    from flows.pages import serve

    serve(page)


def _varied(model: Any, own: str, assignments: list[str], start: dict[str, Any]) -> Any:
    """A ``model`` around a run: keys that begin with ``own`` are its, the others the run's."""
    from flows.config import assigned, configured, described
    from tasks.training.model import pinned

    ours = [text.removeprefix(f"{own}.") for text in assignments if text.startswith(f"{own}.")]
    rest = [text for text in assignments if not text.startswith(f"{own}.")]
    _refuse_runs_own(own, ours)
    params = {**assigned(start, ours, own), "run": described(rest)}
    config = configured(model, params, own)
    pinned(config.run.model)
    return config


def _refuse_runs_own(own: str, ours: list[str]) -> None:
    """Keys of the run and short names for them stand alone on the command line.

    Raises:
        ConfigError: one of them has the prefix ``own``.
    """
    from tasks.core.errors import ConfigError

    for text in ours:
        key = text.partition("=")[0]
        if key.split(".")[0] in ("run", "params", "preset", "study"):
            alone = key.removeprefix("run.")
            raise ConfigError(f"{own}.{key}: write {alone}=... without {own}. before it")


def main() -> None:
    """Run a command; what we foresaw is one line on standard error and exit code 2."""
    from flows.environment import prepare_environment
    from tasks.core.errors import AuditError, GateError, LetheError

    try:
        prepare_environment()
        app()
    except (GateError, AuditError) as error:
        typer.echo(f"lethe: {error}", err=True)
        sys.exit(FAILED)
    except LetheError as error:
        typer.echo(f"lethe: {error}", err=True)
        sys.exit(BAD_INPUT)


if __name__ == "__main__":
    main()
