"""A whole run, composed of sections that live beside the code they configure.

The same ``RunConfig`` is read by params.yaml, by pipelines.yaml, by ``lethe run key=value`` and by
the Prefect form.
"""

import copy
import datetime
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import yaml
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, model_validator

from flows.faults import explained, shown
from tasks.attack import AttackConfig
from tasks.core.errors import ConfigError
from tasks.core.settings import PROJECT
from tasks.core.variants import Section
from tasks.data import AnySource
from tasks.data.curation import CurationConfig
from tasks.data.splits import SplitsConfig
from tasks.data.toy import Toy
from tasks.evaluate import EvaluateConfig
from tasks.metrics.gate import GateConfig
from tasks.requests.plan import Portion
from tasks.requests.request import Request
from tasks.training.method import preset
from tasks.training.model import ModelConfig
from tasks.unlearn import UnlearnConfig
from tasks.validate import ExpectationsConfig

PARAMS = PROJECT / "params.yaml"
M = TypeVar("M", bound=BaseModel)


class RunConfig(Section):
    """One unlearning event: what to forget, from which model, how, and how it is judged."""

    name: str = Field(
        default="demo",
        pattern=r"^[a-z0-9][a-z0-9-]{0,40}$",
        description="of the registered model, lethe-<name>",
    )
    champion: str = Field(
        default="",
        pattern=r"^(lethe-[a-z0-9-]+/[0-9]+)?$",
        description="registered version to start from; empty: the model that model describes",
    )
    requests: tuple[Portion, ...] = Field(
        default=(), description="what each deletion request that this event answers takes"
    )
    source: AnySource = Toy()
    curation: CurationConfig = CurationConfig()
    request: Request = Request()
    splits: SplitsConfig = SplitsConfig()
    expectations: ExpectationsConfig = ExpectationsConfig()
    model: ModelConfig = ModelConfig()
    unlearn: UnlearnConfig = UnlearnConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    attack: AttackConfig = AttackConfig()
    gate: GateConfig = GateConfig()

    @model_validator(mode="after")
    def _measures_what_it_attacks_by(self) -> Self:
        if "grad_norm" in self.attack.attacks and not self.evaluate.gradients:
            raise ValueError(
                "attack.attacks has grad_norm, and evaluate.gradients is 0: raise it, or leave "
                "the attack out"
            )
        return self

    @property
    def registered(self) -> str:
        """The registered model that the run is of."""
        return f"lethe-{self.name}"

    def redacted(self) -> dict[str, Any]:
        """Everything as JSON, the passages of the request as digests: what may be written down."""
        request = self.request.redacted()
        return self.model_copy(update={"request": request}).model_dump(mode="json")


def configured(model: type[M], params: Mapping[str, Any], section: str = "") -> M:
    """``params`` as a ``model``; ``section`` is where its own keys are on a command line.

    Raises:
        ConfigError: a key does not exist or a value breaks its rule; one line names all of it.
    """
    try:
        return TypeAdapter(model).validate_python(params)
    except ValidationError as error:
        raise ConfigError(explained(error, model, section)) from None


def checked_in(path: Path = PARAMS) -> dict[str, Any]:
    """The parameters in a YAML file, those of the checked-in run unless told otherwise.

    Raises:
        ConfigError: there is no such file, or it is no mapping of keys of RunConfig.
    """
    try:
        params = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        why = type(error).__name__
        raise ConfigError(f"params={path}: cannot be read ({why}); name a YAML file") from None
    except yaml.YAMLError:
        raise ConfigError(f"params={path}: not YAML; see params.yaml for the form") from None
    if not isinstance(params, dict) or not all(isinstance(key, str) for key in params):
        raise ConfigError(f"params={path}: not a mapping of keys; see params.yaml for the form")
    return {key: _undated(value) for key, value in params.items()}


def described(assignments: Sequence[str]) -> dict[str, Any]:
    """The checked-in run with the assignments applied.

    ``params=FILE`` as the first of them takes that file in place of params.yaml, laid over the
    defaults of RunConfig: what it leaves out is as there.

    Raises:
        ConfigError: the file cannot be read, or an assignment is not of the form.
    """
    first, rest = (assignments[0], assignments[1:]) if assignments else ("", ())
    if first.startswith("params="):
        given = checked_in(Path(first.removeprefix("params=")).expanduser())
        return overlay(_laid(given, RunConfig().model_dump(mode="json")), rest)
    return overlay(checked_in(), assignments)


def _laid(given: Mapping[str, Any], below: Mapping[str, Any]) -> dict[str, Any]:
    """``given`` over ``below``, section by section; another variant drops the old one's knobs."""
    result = dict(below)
    for key, value in given.items():
        old: Any = result.get(key)
        sections = isinstance(value, dict) and isinstance(old, dict)
        result[key] = _laid(value, old) if sections and _alike(value, old) else value
    return result


def overlay(params: Mapping[str, Any], assignments: Iterable[str]) -> dict[str, Any]:
    """``params`` with each ``dotted.key=value`` applied, values read as YAML.

    Another ``name`` of a variant drops the old one's knobs; the first assignment to ``request``
    drops the old request, for a request is named whole; ``preset=x`` sets ``unlearn.method``.

    Raises:
        ConfigError: an assignment has no ``=``, or its value is not YAML.
    """
    result = copy.deepcopy(dict(params))
    assignments = list(assignments)
    if any(assignment.startswith("request.") for assignment in assignments):
        result["request"] = {}
    for assignment in assignments:
        key, _, text = assignment.partition("=")
        if key == "params":
            raise ConfigError(f"{assignment}: name the file first, before what changes it")
        if key == "preset":
            result.setdefault("unlearn", {})["method"] = preset(text).model_dump(mode="json")
        else:
            result = assigned(result, [assignment])
    return result


def assigned(
    params: Mapping[str, Any], assignments: Iterable[str], section: str = ""
) -> dict[str, Any]:
    """``params`` with each ``dotted.key=value`` applied, and nothing read into any of them.

    ``section`` was taken off the front of every key, and is named again in errors.

    Raises:
        ConfigError: an assignment has no ``=``, or its value is not YAML.
    """
    result = copy.deepcopy(dict(params))
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        said = f"{section}.{key}" if section else key
        if not equals or not all(key.split(".")):
            raise ConfigError(f"{said!r} is not of the form dotted.key=value")
        _assign(result, key, _value(said, text), said)
    return result


def _alike(value: Mapping[str, Any], old: Any) -> bool:
    """Whether a section is of the same variant as the one below it, or of none."""
    name = old.get("name")
    return bool(value.get("name", name) == name)


def _assign(params: dict[str, Any], key: str, value: Any, said: str) -> None:
    *parents, leaf = key.split(".")
    node = params
    for parent in parents:
        child = node.setdefault(parent, {})
        if not isinstance(child, dict):
            raise ConfigError(
                f"{said}{shown(tuple(key.split('.')), value)}: {parent} is a value, not a section; "
                "set it whole"
            )
        node = child
    if leaf == "name" and parents and node.get("name") != value:
        node.clear()
    node[leaf] = value


def _value(key: str, text: str) -> Any:
    try:
        return _undated(yaml.safe_load(text))
    except yaml.YAMLError:
        told = shown(tuple(key.split(".")), text)
        raise ConfigError(
            f"{key}{told}: the value is not YAML; quote it: {key}='\"...\"'"
        ) from None


def _undated(value: Any) -> Any:
    """Dates as people wrote them: YAML turns 2020-01-31 into a date, our fields take text."""
    if isinstance(value, list):
        return [_undated(item) for item in value]
    if isinstance(value, dict):
        return {key: _undated(item) for key, item in value.items()}
    return value.isoformat() if isinstance(value, datetime.date) else value
