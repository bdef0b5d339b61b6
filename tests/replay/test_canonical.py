from __future__ import annotations

import json
import runpy
import sys
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from firefly.replay.canonical import Canonicalizer, declared_defaults, number_parameters
from firefly.replay.expressions import same

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)
ARGUMENTS = st.dictionaries(st.sampled_from(["n", "i", "x", "list", "o", "free"]), VALUES)
SCHEMA = {
    "type": "object",
    "properties": {
        "n": {"type": "number"},
        "i": {"type": "integer"},
        "x": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "list": {"type": "array", "items": {"type": "array", "items": {"$ref": "#/$defs/Size"}}},
        "o": {"$ref": "#/$defs/Point"},
        "free": {},
    },
    "$defs": {
        "Size": {"type": ["number", "null"]},
        "Point": {
            "type": "object",
            "properties": {"at": {"type": ["number", "null"]}, "id": {"type": "integer"}},
        },
    },
}


def canonicalizer(schema: dict[str, Any], *, fill: tuple[str, ...] = (), merge: bool = True) -> Canonicalizer:
    return Canonicalizer(
        numbers=number_parameters(schema) if merge else {}, defaults=declared_defaults(schema, fill)
    )


@given(ARGUMENTS)
def test_it_never_changes_what_a_call_says(arguments: dict[str, object]) -> None:
    assert same(json.loads(canonicalizer(SCHEMA).text(arguments)), arguments)  # type: ignore[arg-type]


@given(ARGUMENTS, st.randoms())
def test_the_order_of_keys_does_not_matter_and_it_is_idempotent(
    arguments: dict[str, object], random: object
) -> None:
    canonical = canonicalizer(SCHEMA)
    items = list(arguments.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    text = canonical.text(arguments)  # type: ignore[arg-type]
    assert canonical.text(dict(items)) == text  # type: ignore[arg-type]
    assert canonical.text(json.loads(text)) == text


@given(st.lists(st.integers(), min_size=2, max_size=4, unique=True))
def test_the_order_of_an_array_matters(values: list[int]) -> None:
    canonical = canonicalizer(SCHEMA)
    assert canonical.text({"free": values}) != canonical.text({"free": values[::-1]})  # type: ignore[dict-item]


@given(ARGUMENTS, ARGUMENTS, st.booleans())
def test_only_equal_arguments_share_a_text(
    one: dict[str, object], other: dict[str, object], merge: bool
) -> None:
    canonical = canonicalizer(SCHEMA, merge=merge)
    if canonical.text(one) == canonical.text(other):  # type: ignore[arg-type]
        assert same(one, other)  # type: ignore[arg-type]
    else:
        assert json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True)


@given(st.dictionaries(st.text(max_size=3), VALUES, max_size=4), st.booleans())
def test_the_reader_in_standard_python_comes_to_the_same_text(
    arguments: dict[str, object], merge: bool
) -> None:
    rule = {"defaults": {}, "numbers": number_parameters(SCHEMA) if merge else {}}
    text = canonicalizer(SCHEMA, merge=merge).text(arguments)  # type: ignore[arg-type]
    assert _reader()["canonical"](arguments, rule) == text


@cache
def _reader() -> dict[str, Any]:
    folder = Path(__file__).parents[2] / "format" / "python"
    with patch.object(sys, "path", [str(folder), *sys.path]):
        return runpy.run_path(str(folder / "reader.py"))


def test_25_and_25_0_merge_only_where_the_schema_says_plain_number() -> None:
    canonical = canonicalizer(SCHEMA)
    given_ = {
        "n": 25.0,
        "i": 25.0,
        "x": 25.0,
        "list": [[25.0, None], 25.0],
        "o": {"at": 25.0},
        "free": 25.0,
    }
    found = json.loads(canonical.text(given_))  # type: ignore[arg-type]
    assert repr(found["n"]) == repr(found["x"]) == repr(found["list"][0][0]) == "25"
    apart = (found["i"], found["list"][1], found["o"]["at"], found["free"])
    assert {repr(one) for one in apart} == {"25.0"}


def test_unclear_schemas_merge_nothing() -> None:
    unclear: list[dict[str, object]] = [
        {"anyOf": [{"type": "number"}, {"type": "integer"}]},
        {"anyOf": [{"type": "number"}, {}]},
        {"oneOf": [{"type": "number"}, {"allOf": [{"type": "integer"}]}]},
        {"type": ["number", "integer"]},
        {"type": ["number", "string"]},
        {"type": "number", "enum": [25.0]},
        {"allOf": [{"type": "number"}]},
        {"$ref": "https://example.org/schema"},
        {"$ref": "#/$defs/loop"},
        {"type": "array", "prefixItems": [{"type": "number"}]},
        {},
        {"type": "string"},
    ]
    for one in unclear:
        schema = {"type": "object", "properties": {"v": one}, "$defs": {"loop": {"$ref": "#/$defs/loop"}}}
        value = [25.0] if one.get("type") == "array" else 25.0
        assert "25.0" in canonicalizer(schema).text({"v": value}), one


def test_left_out_is_not_null_and_defaults_are_filled_only_by_rule() -> None:
    schema = {"type": "object", "properties": {"limit": {"type": "integer", "default": 10}}}
    plain, filling = canonicalizer(schema), canonicalizer(schema, fill=("limit",))
    assert plain.text({}) == "{}" != plain.text({"limit": None})
    assert filling.text({}) == filling.text({"limit": 10}) == '{"limit":10}'
    assert filling.text({"limit": None}) == '{"limit":null}'


def test_text_is_left_as_it_is() -> None:
    assert canonicalizer({}).text({"s": "Å café ß"}) == '{"s":"Å café ß"}'
    assert canonicalizer({}).text({"s": "\u00e9"}) != canonicalizer({}).text({"s": "e\u0301"})
