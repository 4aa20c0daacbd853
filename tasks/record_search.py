"""Step: tell MLflow of a search: a run, and one below it for each trial."""

from prefect import task

from tasks.search import Found, Tried
from tasks.track import SEARCH, Told, figures, log_nested


@task
def record_search(experiment: str, found: Found, whole: bool = False) -> str:
    """The MLflow run of a search, which holds its trials so far and, when whole, its winner."""
    judged = found.judgement
    parent = Told(
        name=f"tuning {found.name}",
        tags={SEARCH: found.search, "lethe.method": found.name},
        parameters=_texts(judged) if judged else {},
        metrics=figures("", judged.figures) if judged else (),
    )
    return log_nested(experiment, parent, [_trial(tried) for tried in found.trials], whole)


def _trial(tried: Tried) -> Told:
    return Told(
        name=f"trial {tried.number}",
        tags={"lethe.outcome": tried.outcome, "lethe.passed": str(tried.passed).lower()},
        parameters=_texts(tried),
        metrics=figures("", tried.figures),
    )


def _texts(tried: Tried) -> dict[str, str]:
    return {name: f"{value:g}" for name, value in tried.knobs.items()}
