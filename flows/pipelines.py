"""What pipelines.yaml may say. Prefect ignores keys it does not know; here they are refused.

``prefect deploy`` itself runs this check as its build step: ``python -m flows.pipelines``.
"""

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from flows.config import configured
from tasks.core.errors import ConfigError, LetheError
from tasks.core.settings import PROJECT
from tasks.core.variants import nearest

PIPELINES = PROJECT / "pipelines.yaml"


class Closed(BaseModel):
    """A mapping in which every key is known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Schedule(Closed):
    """When a deployment runs by itself."""

    cron: str
    timezone: str
    slug: str
    active: bool = True
    parameters: dict[str, Any] = {}


class WorkPool(Closed):
    """Where a deployment runs."""

    name: str
    work_queue_name: str = "default"
    job_variables: dict[str, Any] = {}


class Limit(Closed):
    """How many runs of a deployment may go on at once, and what becomes of the next."""

    limit: int = Field(ge=1)
    collision_strategy: Literal["ENQUEUE", "CANCEL_NEW"] = "ENQUEUE"


class Deployment(Closed):
    """One entry of the Prefect page."""

    name: str
    entrypoint: str
    description: str
    tags: list[str] = []
    work_pool: WorkPool
    parameters: dict[str, Any] = {}
    enforce_parameter_schema: bool = True
    concurrency_limit: Limit
    schedules: list[Schedule] = []


class Pipelines(Closed):
    """The whole file."""

    name: str
    build: list[dict[str, Any]]
    definitions: dict[str, Any] = {}
    deployments: list[Deployment]


def read(path: Path = PIPELINES) -> Pipelines:
    """The deployments, every key known and every run configuration valid.

    Raises:
        ConfigError: a key does not exist or a value breaks its rule.
    """
    pipelines = configured(Pipelines, yaml.safe_load(path.read_text()))
    for deployment in pipelines.deployments:
        _check_parameters(deployment, deployment.parameters)
        for schedule in deployment.schedules:
            _check_parameters(deployment, {**deployment.parameters, **schedule.parameters})
    return pipelines


def _check_parameters(deployment: Deployment, parameters: Mapping[str, Any]) -> None:
    known = inspect.signature(_flow(deployment.entrypoint)).parameters
    for name, value in parameters.items():
        if name not in known:
            raise ConfigError(
                f"deployment {deployment.name}: parameters.{name}: "
                f"there is no such key{nearest(name, known)}"
            )
        kind = known[name].annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            configured(kind, value)


def _flow(entrypoint: str) -> Callable[..., Any]:
    file, _, name = entrypoint.partition(":")
    module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
    function: Callable[..., Any] = getattr(module, name).fn
    return function


def main() -> int:
    """Check the file; 2 where it is refused."""
    try:
        read()
    except LetheError as error:
        print(f"pipelines.yaml: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
