import math
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tasks.core.variants import Section, Variant, discover, nearest, tagged
from tasks.data.source import Source


class Knob(Section):
    size: float = 1


def test_a_section_is_closed():
    with pytest.raises(ValidationError, match="sise"):
        Knob.model_validate({"sise": 2})


def test_a_section_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        Knob().size = 2


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_section_holds_finite_numbers(value):
    with pytest.raises(ValidationError, match="finite"):
        Knob(size=value)


class Shape(Variant):
    pass


class Circle(Shape):
    name: Literal["circle"] = "circle"
    radius: int = 1


class Square(Shape):
    name: Literal["square"] = "square"
    side: int = 1


def test_the_name_says_which_variant_it_is():
    either = TypeAdapter(tagged({"circle": Circle, "square": Square}))
    assert either.validate_python({"name": "square", "side": 2}) == Square(side=2)


def test_a_knob_of_another_variant_is_refused():
    either = TypeAdapter(tagged({"circle": Circle, "square": Square}))
    with pytest.raises(ValidationError, match="radius"):
        either.validate_python({"name": "square", "radius": 2})


class Point(Shape):
    name: Literal["point"] = "point"


def test_a_form_is_told_the_order_of_the_fields_and_all_that_a_choice_without_knobs_is():
    schema = TypeAdapter(tagged({"circle": Circle, "point": Point})).json_schema()["$defs"]
    fields = schema["Circle"]["properties"]
    assert {name: field["position"] for name, field in fields.items()} == {"name": 0, "radius": 1}
    assert schema["Point"]["const"] == {"name": "point"}
    assert "const" not in schema["Circle"]


def test_the_sources_are_found_in_their_folder():
    found = discover(Source, "tasks.data")
    assert {"jsonl", "toy"} <= set(found)
    assert list(found) == sorted(found)
    assert all(issubclass(variant, Source) for variant in found.values())


def test_the_nearest_name_is_offered():
    assert nearest("jsnol", ["toy", "jsonl"]) == "; did you mean 'jsonl'?"
    assert nearest("zebra", ["toy", "jsonl"]) == "; one of: jsonl, toy"


@given(st.text(), st.lists(st.text(min_size=1), min_size=1, max_size=5))
def test_anything_gets_an_offer(word, words):
    assert nearest(word, words).startswith("; ")
