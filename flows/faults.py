"""What is said of a configuration that breaks a rule: one line, its key as it was typed, a way out.

Text that is to be forgotten is never shown: neither a passage nor a section that may hold one.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from tasks.core.variants import nearest

RUN = "run"
"""The field that holds the run in a configuration around one."""

HIDDEN = "passages"
"""The key of what may never be shown."""

LONGEST = 80
"""Characters of a value."""

WAY_OUT = "change it or leave it out"

Schema = dict[str, Any]


class Place(NamedTuple):
    """Where in a configuration something is wrong."""

    keys: tuple[str, ...]
    """As in the configuration, without the tags of variants."""
    known: tuple[str, ...]
    """What the section that holds the last of them knows."""


def explained(error: ValidationError, model: type[BaseModel], section: str = "") -> str:
    """The first fault, as ``key=value: rule; way out``.

    ``section`` stands before the keys of ``model`` on the command line, and not before those of
    its run; without it, keys are said as they are in ``model``.
    """
    fault = error.errors(include_url=False)[0]
    place = _place(model.model_json_schema(), fault["loc"])
    key = _typed(place.keys, section)
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{_said(fault, key, place, _offered(model, place, section))}{more}"


def shown(keys: tuple[str, ...], value: Any) -> str:
    """``=value``, at most ``LONGEST`` of it; nothing of sections or of what must not be shown."""
    if HIDDEN in keys:
        return "=(not shown)"
    if any(isinstance(one, Mapping | BaseModel) for one in _items(value)):
        return ""
    text = value if isinstance(value, str) else repr(value)
    return f"={text if len(text) <= LONGEST else f'{text[: LONGEST - 3]}...'}"


def _items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _said(fault: Mapping[str, Any], key: str, place: Place, offered: str) -> str:
    value, context = fault["input"], fault.get("ctx", {})
    about, rule = f"{key}{shown(place.keys, value)}", f"{fault['msg']}; {WAY_OUT}"
    match fault["type"]:
        case "extra_forbidden":
            rule = f"there is no such key{offered}"
        case "union_tag_invalid":
            about = f"{key}.name={context['tag']}"
            rule = f"no such choice{nearest(context['tag'], _quoted(context['expected_tags']))}"
        case "union_tag_not_found":
            rule = "its name is missing, which says what the other keys are"
        case "literal_error" if isinstance(value, str):
            rule = f"no such choice{nearest(value, _quoted(context['expected']))}"
        case "tuple_type" if isinstance(value, str | int | float):
            item = "..." if HIDDEN in place.keys else value
            rule = f"not a list; write {key}='[{item}]'"
        case "string_type" if isinstance(value, int | float):
            rule = f"not text; write {key}='\"{value}\"'"
        case "model_type" | "dict_type":
            about = key
            rule = f"not a section; set its keys, as in {key}.KEY=VALUE"
        case "missing":
            about, rule = key, "is not said, and has no default"
        case "value_error" if isinstance(value, Mapping | BaseModel):
            rule = str(context["error"])
        case "value_error":
            rule = _with_way_out(str(context["error"]))
    return ": ".join(filter(None, [about, rule]))


def _with_way_out(rule: str) -> str:
    """Ours say one after a semicolon, where there is a better one than ``WAY_OUT``."""
    return rule if ";" in rule else f"{rule}; {WAY_OUT}"


def _quoted(text: str) -> list[str]:
    """What pydantic lists in quotes."""
    return re.findall("'([^']*)'", text)


def _typed(keys: tuple[str, ...], section: str) -> str:
    """The dotted key a person wrote on the command line for the one of a configuration."""
    if section and keys:
        keys = keys[1:] if keys[0] == RUN else (section, *keys)
    return ".".join(keys)


def _offered(model: type[BaseModel], place: Place, section: str) -> str:
    """The nearest key to one that is not known, those of the command's own section too."""
    if not place.keys:
        return ""
    known, own = place.known, [name for name in model.model_fields if name != RUN]
    if section and place.keys[:-1] == (RUN,):
        known = (*known, *(f"{section}.{name}" for name in own))
    elif section and len(place.keys) == 1:
        known = tuple(own)
    return nearest(place.keys[-1], known)


def _place(schema: Schema, loc: tuple[int | str, ...]) -> Place:
    """The keys of a pydantic location, which holds the tags of variants too."""
    node: Schema = schema
    keys: list[str] = []
    known: list[str] = []
    for part in loc:
        choices = _choices(schema, node)
        if tagged := [one for one in choices if _tag(one) == part]:
            node = tagged[0]
            known = list(node["properties"])
            continue
        section = next((one for one in choices if "properties" in one), choices[0])
        keys.append(str(part))
        known = list(section.get("properties", {}))
        node = _below(section, part)
    return Place(tuple(keys), tuple(known))


def _choices(schema: Schema, node: Schema) -> list[Schema]:
    """What may stand at ``node``: one, or the choices of a union."""
    node = _resolved(schema, node)
    several = node.get("oneOf") or node.get("anyOf") or [node]
    return [_resolved(schema, one) for one in several]


def _tag(node: Schema) -> Any:
    return node.get("properties", {}).get("name", {}).get("const")


def _below(node: Schema, part: int | str) -> Schema:
    """What stands at ``part`` of ``node``; empty where that is not known."""
    if isinstance(part, int):
        child: Any = node.get("items", {})
    else:
        child = node.get("properties", {}).get(part) or node.get("additionalProperties")
    return child if isinstance(child, dict) else {}


def _resolved(schema: Schema, node: Schema) -> Schema:
    reference = node.get("$ref", "")
    found: Schema = schema["$defs"][reference.removeprefix("#/$defs/")] if reference else node
    return found
