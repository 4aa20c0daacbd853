"""One small mechanism for "drop a file in the folder": a base class becomes a tagged union."""

import importlib
import pkgutil
from collections.abc import Iterable
from difflib import get_close_matches
from functools import reduce
from inspect import isabstract
from operator import or_
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field


def _ordered(schema: dict[str, Any]) -> None:
    """Say the order of the fields: Prefect's form shows them so, its database forgets it."""
    for position, field in enumerate(schema.get("properties", {}).values()):
        field["position"] = position


def _whole(schema: dict[str, Any]) -> None:
    """Say all that a choice without knobs can be: by this Prefect's form finds its page."""
    _ordered(schema)
    if schema.get("properties", {}).keys() == {"name"} and "const" in schema["properties"]["name"]:
        schema["const"] = {"name": schema["properties"]["name"]["const"]}


class Section(BaseModel):
    """A frozen, closed part of a run's description."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, json_schema_extra=_ordered
    )


class Variant(Section):
    """A frozen choice with its knobs, told apart from its siblings by ``name``."""

    model_config = ConfigDict(json_schema_extra=_whole)
    name: str


V = TypeVar("V", bound=Variant)


def discover(base: type[V], package: str) -> dict[str, type[V]]:
    """Every variant of ``base`` defined in ``package``, by name."""
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        importlib.import_module(f"{package}.{module.name}")
    found: dict[str, type[V]] = {}
    for variant in _concrete(base):
        (name,) = get_args(variant.model_fields["name"].annotation)
        assert name not in found, f"{variant.__name__}, {found[name].__name__}: both {name!r}"
        found[name] = variant
    return dict(sorted(found.items()))


def tagged(found: dict[str, type[V]]) -> Any:
    """The discriminated union pydantic and the Prefect form understand."""
    return Annotated[reduce(or_, found.values()), Field(discriminator="name")]


def nearest(word: str, words: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for the closest of ``words``, or the list where none is close."""
    words = sorted(words)
    close = get_close_matches(word, words, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; one of: {', '.join(words)}"


def _concrete(base: type[V]) -> list[type[V]]:
    below = [cls for child in base.__subclasses__() for cls in _concrete(child)]
    return below if isabstract(base) else [base, *below]
