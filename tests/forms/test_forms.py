"""Forms: what a step may ask, what a person sees, what is wrong with an answer, and what a form post means."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from datetime import UTC, date, datetime
from enum import Enum
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdnb.errors import NotJSON
from pdnb.forms.fields import Choice, default_answer, form_fields, hint_of
from pdnb.forms.form_post import default_strings, from_strings, to_strings
from pdnb.forms.schemas import form_schema
from pdnb.forms.validation import MAX_PROBLEMS, problems
from pdnb.json_text import out_of_range

if TYPE_CHECKING:
    from collections.abc import Iterator


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Order(pydantic.BaseModel):
    amount: int = pydantic.Field(ge=1, le=10, description="How many?")
    reason: str
    due_on: date
    colour: Colour = Colour.RED
    share: float | None = None
    sure: bool | None = None
    urgent: bool = True
    kind: Literal["new", "again"] = "new"
    tags: list[Colour] = []
    more: dict[str, int] = {}


def one(name: str = "x", /, **node: Any) -> dict[str, Any]:
    """A form of one property."""
    return form_schema({"type": "object", "properties": {name: node}})


def kinds(form: object) -> dict[str, str]:
    return {field.name: field.kind for field in form_fields(form_schema(form))}


# ---- what a step may ask ------------------------------------------------------------------------------------------


def test_a_schema_is_copied_and_loses_the_words_that_name_it() -> None:
    form = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://example.com/order",
        "type": "object",
        "properties": {"a": {"type": "string"}},
    }
    made = form_schema(form)
    assert made == {"type": "object", "properties": {"a": {"type": "string"}}}
    made["properties"]["a"]["type"] = "number"
    assert form["properties"] == {"a": {"type": "string"}}


def test_a_pydantic_model_says_what_it_asks() -> None:
    assert kinds(Order) == {
        "amount": "integer",
        "reason": "text",
        "due_on": "date",
        "colour": "choice",
        "share": "number",
        "sure": "choice",
        "urgent": "boolean",
        "kind": "choice",
        "tags": "choices",
        "more": "json",
    }


def test_what_a_model_accepts_has_no_problems_and_the_other_way_round() -> None:
    right = {"amount": 3, "reason": "r", "due_on": "2025-01-31"}
    wrong = right | {"amount": 30, "due_on": "soon"}
    Order.model_validate(right)
    assert problems(form_schema(Order), right) == ()
    with pytest.raises(pydantic.ValidationError):
        Order.model_validate(wrong)
    assert [line.split(":")[0] for line in problems(form_schema(Order), wrong)] == ["amount", "due_on"]


def test_a_model_without_a_schema_is_said_in_one_line() -> None:
    class Odd(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
        lock: threading.Event

    with pytest.raises(ValueError, match=r"^form: the model has no JSON Schema: [^\n]+$"):
        form_schema(Odd)


@pytest.mark.parametrize("form", [None, True, 3, "{}", [], int, dict, Colour])
def test_what_is_no_schema_at_all_is_a_type_error(form: object) -> None:
    with pytest.raises(TypeError, match=r"^form: a JSON Schema \(a dict\) or a pydantic model class is needed, not "):
        form_schema(form)


def test_a_model_is_needed_and_not_one_answer_to_it() -> None:
    with pytest.raises(TypeError, match="not a value of type Order"):
        form_schema(Order(amount=1, reason="r", due_on=date(2025, 1, 31)))


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}, {None: 2}, "\ud800"])
def test_a_schema_that_is_not_json_is_named(value: object) -> None:
    with pytest.raises(NotJSON, match=r"^form\["):
        form_schema({"type": "object", "properties": {"a": {"default": value}}})


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({}, "an object with properties is needed"),
        ({"type": "string"}, "an object with properties is needed"),
        ({"type": ["object", "null"], "properties": {"a": {}}}, "an object with properties is needed"),
        ({"properties": {"a": {"type": "text"}}}, r"not a JSON Schema: /properties/a/type: 'text' is not"),
        ({"properties": {"a": {"minimum": "1"}}}, r"not a JSON Schema: /properties/a/minimum"),
        ({"properties": {"a": {"pattern": "("}}}, r"not a JSON Schema: /properties/a/pattern"),
        ({"properties": ["a"]}, "not a JSON Schema: /properties"),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"a": {}}}, "another dialect"),
        ({"$schema": 7, "properties": {"a": {}}}, "another dialect"),
        ({"properties": {"a": {"description": "x" * 70_000}}}, r"70,0\d\d bytes \(at most 65,536\)"),
        ({"properties": {f"p{i}": {} for i in range(101)}}, "101 properties are too many"),
        ({"properties": {"a": {"$ref": "https://example.com/s"}}}, "/properties/a: .* leads outside"),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "leads outside"),
        ({"properties": {"a": {"$ref": "other.json#/x"}}}, "leads outside"),
        ({"properties": {"a": {"$ref": "#anchor"}}}, "leads outside"),
        (
            {"properties": {"a": {"items": {"anyOf": [{"$ref": "//e/s"}]}}}},
            "/properties/a/items/anyOf/0: .* leads outside",
        ),
        ({"properties": {"a": {"$ref": "#/$defs/none"}}}, "leads nowhere"),
        ({"properties": {"a": {"$ref": "#/properties/b/0"}, "b": {"type": "string"}}}, "leads nowhere"),
        (
            {"properties": {"a": {"$ref": "#/x"}}, "x": {"$ref": "http://e/s"}},
            "leads to something that is not a schema",
        ),
        ({"properties": {"a": {"$ref": "#/properties/a"}}}, "leads back to itself"),
        ({"properties": {"a": {}}, "allOf": [{"$ref": "#"}]}, "back to itself"),
        ({"properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {"$ref": "#/properties/a"}}}, "back to itself"),
        ({"properties": {"a": {"$id": "http://e/", "$ref": "#/s"}}}, r"\$id cannot stand in a form"),
        ({"properties": {"a": {"$schema": "http://json-schema.org/draft-07/schema#"}}}, r"\$schema cannot stand"),
        ({"properties": {"a": {"$dynamicRef": "http://e/s"}}}, r"\$dynamicRef cannot stand"),
    ],
)
def test_a_schema_that_cannot_be_a_form_is_refused_in_one_line(form: object, says: str) -> None:
    with pytest.raises(ValueError, match=rf"^form: [^\n]*{says}[^\n]*$"):
        form_schema(form)


def test_words_that_only_look_like_references_are_values() -> None:
    form = {
        "properties": {"$ref": {"type": "string"}, "$id": {"const": {"$ref": "http://e/s"}}},
        "default": {"$ref": "http://e/s"},
    }
    assert form_schema(form) == form


def test_a_form_may_refer_into_itself() -> None:
    form = form_schema(
        {
            "$ref": "#/$defs/top",
            "$defs": {
                "top": {"type": "object", "properties": {"a": {"$ref": "#/$defs/with~1slash%20"}}},
                "with/slash ": {"enum": ["x"]},
            },
        }
    )
    assert form_fields(form)[0].choices == (Choice("x", "x", "x"),)
    assert problems(form, {"a": "y"}) == ('a: "y" is not one of "x"',)


@pytest.mark.parametrize("depth", [60, 5_000])
def test_a_deep_schema_is_refused_in_one_line(depth: int) -> None:
    form: dict[str, Any] = {}
    for _ in range(depth):
        form = {"properties": {"a": form}}
    with pytest.raises((TypeError, ValueError), match=r"^form.*nested.{1,30}$"):
        form_schema(form)


# ---- nothing is fetched -------------------------------------------------------------------------------------------


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """A server with a schema that allows everything, and what it was asked."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", paths
        server.shutdown()
        thread.join()


def test_an_unchecked_form_fetches_nothing_either_and_lets_nobody_past(
    asked: tuple[str, list[str]], tmp_path: Path
) -> None:
    url, paths = asked
    (tmp_path / "s.json").write_text("{}")
    for ref in (f"{url}s", (tmp_path / "s.json").as_uri(), "s.json"):
        for node in ({"$ref": ref}, {"$dynamicRef": ref}, {"$id": url, "$ref": "#/s"}):
            form = {"type": "object", "properties": {"a": node}}
            assert "cannot be checked" in problems(form, {"a": 1})[0]
        assert problems({"$ref": ref, "unevaluatedProperties": False}, {"a": 1})
        assert problems({"$id": url, "$ref": ref}, {"a": 1})
    assert paths == []


# ---- what a person has to correct ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("node", "given", "line"),
    [
        ({"maximum": 10}, 12, "x: 12 is more than the maximum of 10"),
        ({"minimum": 1}, 0, "x: 0 is less than the minimum of 1"),
        ({"exclusiveMinimum": 0}, 0, "x: 0 is not more than 0"),
        ({"exclusiveMaximum": 1.5}, 2, "x: 2 is not less than 1.5"),
        ({"multipleOf": 0.1}, 0.35, "x: 0.35 is not a multiple of 0.1"),
        ({"type": "integer"}, "12", 'x: "12" is not a whole number'),
        ({"type": "number"}, True, "x: true is not a number"),
        ({"type": "string"}, 3, "x: 3 is not a text"),
        ({"type": "boolean"}, "x", 'x: "x" is not yes or no (true or false)'),
        ({"type": ["string", "null"]}, [], "x: a list is not a text or null"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "x", 'x: "x" is not a whole number or null'),
        ({"anyOf": [{"maximum": 3, "type": "integer"}, {"type": "null"}]}, 5, "x: 5 is more than the maximum of 3"),
        ({"oneOf": [{"const": "a"}, {"const": "b"}]}, "c", 'x: "c" is not one of "a", "b"'),
        ({"oneOf": [{"type": "number"}, {"type": "integer"}]}, 1, "x: 1 fits more than one of the 2 ways to answer"),
        ({"anyOf": [{"minimum": 5}, {"multipleOf": 2}]}, 1, "x: 1 fits none of the 2 ways to answer"),
        ({"enum": ["a", 1, None]}, "b", 'x: "b" is not one of "a", 1, null'),
        ({"type": "string", "enum": ["a"]}, 1, 'x: 1 is not one of "a"'),
        ({"const": True}, False, "x: false is not true"),
        ({"minLength": 1}, "", "x: must not be empty"),
        ({"minLength": 3}, "ab", "x: is too short: 2 of at least 3 characters"),
        ({"maxLength": 1}, "ab", "x: is too long: 2 characters, at most 1"),
        ({"pattern": "^A"}, "b", 'x: "b" does not match the pattern ^A'),
        ({"pattern": "a"}, "a" * 10_001, "x: is too long: at most 10,000 characters"),
        ({"minItems": 1}, [], "x: has 0 entries, at least 1 are needed"),
        ({"maxItems": 1}, [1, 2], "x: has 2 entries, at most 1 may be there"),
        ({"uniqueItems": True}, [1, 1], "x: holds the same entry twice"),
        ({"uniqueItems": True}, [*range(1001)], "x: has 1,001 entries, too many to compare (at most 1,000)"),
        ({"uniqueItems": True}, [{"a": [1, None]}, {"a": [1.0, None]}], "x: holds the same entry twice"),
        ({"items": {"type": "string"}}, ["a", 1], "x[1]: 1 is not a text"),
        ({"properties": {"y": {"type": "string"}}}, {"y": 1}, "x.y: 1 is not a text"),
        ({"required": ["y"]}, {}, "x.y: is required"),
        ({"additionalProperties": False}, {"y": 1}, "x.y: is not asked for"),
        ({"additionalProperties": {"type": "string"}}, {"y": 1}, "x.y: 1 is not a text"),
        ({"not": {"const": 1}}, 1, "x: 1 is not allowed"),
        (False, 1, "x: is not asked for"),
        ({"pattern": "^a$"}, "b\n\x1b[31mred\u2028" * 99, 'x: "b\\nred'),
    ],
)
def test_a_problem_is_one_readable_line(node: object, given: object, line: str) -> None:
    found = problems(form_schema({"properties": {"x": node}}), {"x": given})
    assert len(found) == 1
    assert found[0].startswith(line)
    assert found[0] == line or "…" in found[0]
    assert len(found[0]) <= 400
    assert len(found[0].splitlines()) == 1


def test_entries_that_only_look_alike_are_not_the_same() -> None:
    entries = [1, True, "1", [1], ["list", 1], {"a": 1}, ["a", 1], {}, [], None, False, 0, ""]
    assert problems(one(type="array", uniqueItems=True), {"x": entries}) == ()


def test_entries_are_not_compared_each_with_each() -> None:
    """Otherwise whoever holds a link could keep the server busy for seconds with one answer."""

    class Counting(int):
        compared = 0

        def __eq__(self, other: object) -> bool:
            Counting.compared += 1
            return int(self) == other

        __hash__ = int.__hash__

    from pdnb.forms.keywords import hashable

    assert len({hashable([Counting(0), Counting(n)]) for n in range(1_000)}) == 1_000
    assert Counting.compared < 5_000


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("date", "2024-02-29", "2025-02-29 20250101 2025-W01-1 x"),
        ("time", "12:30:00Z", "12:30 25:00:00Z 12:30:00+1"),
        ("time", "12:30:00", "12 12:30:60 1:2:3"),
        ("date-time", "2025-01-31T12:30:00.123456789+01:00", "2025-01-31 2025-01-31T12:30:00 2025-13-31T12:30:00Z"),
        ("email", "a.b+c@example.com", "a @b a@ a@b@c a@b..c <a@b>"),
        ("ipv4", "127.0.0.1", "127.0.0 256.0.0.1 ::1"),
        ("ipv6", "::1", "127.0.0.1 :::"),
        ("uuid", "12345678-1234-5678-1234-567812345678", "12345678123456781234567812345678 x"),
        ("uri", "https://example.com/a?b#c", "example.com /a https://é"),
    ],
)
def test_a_format_is_checked(name: str, right: str, wrong: str) -> None:
    form = one(format=name)
    assert problems(form, {"x": right}) == problems(form, {"x": 1}) == ()
    for text in (*wrong.split(), "", right + "\n", right * 10_001):
        assert len(problems(form, {"x": text})) == 1, text
    assert problems(one(format="made-up"), {"x": "anything"}) == ()


def test_three_times_a_tenth_is_three_tenths() -> None:
    assert problems(one(multipleOf=0.1), {"x": 0.3}) == problems(one(multipleOf=0.5), {"x": 10**400}) == ()


def test_a_plain_click_is_an_empty_answer() -> None:
    form = form_schema({"type": "object", "properties": {"reason": {"type": "string"}}, "required": ["reason"]})
    assert problems(form, None) == problems(form, {}) == ("reason: is required",)
    assert problems(one(type="string"), None) == ()


@pytest.mark.parametrize("body", [[], "yes", 3, True, b"raw"])
def test_an_answer_that_is_no_object_is_one_problem(body: object) -> None:
    (line,) = problems(one(), body)
    assert line.startswith("the answer must be an object with the form's fields, not ")


def test_problems_come_in_the_order_of_the_properties() -> None:
    names = ["zeta", "beta", "alpha"]
    properties = {name: {"items": {"type": "string"}, "type": "array"} for name in names}
    form = form_schema(
        {"properties": properties, "required": ["also"], "additionalProperties": False, "minProperties": 9}
    )
    body = {"nobody": 1, "alpha": 1, "beta": ["a"] * 9 + [2, "b", 3], "zeta": 4}
    assert problems(form, body) == (
        "zeta: 4 is not a list",
        "beta[9]: 2 is not a text",
        "beta[11]: 3 is not a text",
        "alpha: 1 is not a list",
        "also: is required",
        "nobody: is not asked for",
        "the answer: has 4 fields, at least 9 are needed",
    )


def test_at_most_twenty_problems_are_listed() -> None:
    form = one(items={"type": "string"})
    assert len(problems(form, {"x": [1] * 20})) == MAX_PROBLEMS
    assert problems(form, {"x": [1] * 25})[-2:] == ("x[18]: 1 is not a text", "and 6 more")
    assert problems(form, {"x": [1] * 5_000})[-2:] == ("x[18]: 1 is not a text", "and many more")


def test_the_same_answer_has_the_same_problems_in_every_process() -> None:
    look = (
        "from pdnb.forms.schemas import form_schema\n"
        "from pdnb.forms.validation import problems\n"
        "rest = {'additionalProperties': {'type': 'string'}, 'required': list('qwertz')}\n"
        "form = form_schema({'type': 'object', **rest})\n"
        "print(problems(form, {f'k{i}': i for i in range(2_000)}))"
    )
    run = [sys.executable, "-c", look]
    root = Path(__file__).parents[2]
    first, second = (
        subprocess.run(
            run, env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}, check=True, capture_output=True, text=True
        ).stdout
        for seed in "12"
    )
    assert first == second
    assert "k0: 0 is not a text" in first


def deep(n: int) -> Any:
    value: Any = 1
    for _ in range(n):
        value = {"x": value}
    return value


@pytest.mark.parametrize(
    ("form", "body", "says"),
    [
        ({"properties": {"x": {"$ref": "#"}}}, deep(200), "nested deeper than 100 levels"),
        ({"properties": {"x": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}}, deep(60), "too"),
        ({"properties": {}, "type": "object", "allOf": [{"$ref": "#"}, {}]}, {}, "nested too deeply"),
        ({"properties": {"x": {"items": {"type": "integer", "minimum": 0}}}}, {"x": [1] * 90_000}, "too much work"),
        ({"properties": {"x": {"items": {"enum": [*range(2_000)]}}}}, {"x": [-1] * 2_000}, "too much work"),
        ({"properties": {"x": {}}}, {"x": "a" * 2**21}, "too long"),
        ({"properties": {"x": {}}}, {"a" * 1_001: 1}, "a name of more than 1,000 characters"),
        ({"properties": {"x": {}}}, {"x": float("nan")}, "nan is not JSON"),
        ({"properties": {"x": {}}}, {"x": "\ud800"}, "lone surrogate"),
        ({"properties": {"x": {}}}, {"x": 10**5_000}, "3,900 digits"),
        ({"properties": {"x": {}}}, {None: 2}, "JSON keys are text"),
    ],
)
def test_a_hostile_answer_is_a_problem_and_no_crash(form: object, body: object, says: str) -> None:
    (line,) = problems(form_schema(form), body)
    assert says in line
    assert len(line) <= 400


def test_doubling_references_end_within_the_budget() -> None:
    defs = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(40)} | {"d40": {"type": "string"}}
    form = form_schema({"properties": {"x": {"$ref": "#/$defs/d0"}}, "$defs": defs})
    assert problems(form, {"x": "a"}) == ("the answer is too much work to be checked: send less",)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(
    st.dictionaries(
        st.sampled_from(["amount", "reason", "due_on", "colour", "share", "tags", "more", "x"]), json_values
    )
)
def test_no_answer_breaks_a_form(body: dict[str, Any]) -> None:
    found = problems(ORDER, body)
    assert len(found) <= MAX_PROBLEMS
    assert all(len(line.splitlines()) == 1 and len(line) <= 400 for line in found)
    try:
        Order.model_validate_json(json.dumps(body), strict=True)
    except pydantic.ValidationError:
        return
    # what the model takes and the schema does not: a number written in a way JSON Schema has no word for
    assert found == () or any(word in line for line in found for word in ("not JSON", "date", "surrogate"))


ORDER = form_schema(Order)


# ---- what a person sees -------------------------------------------------------------------------------------------


def test_a_field_says_all_that_an_input_needs() -> None:
    (field,) = form_fields(
        form_schema(
            {
                "properties": {
                    "per_cent": {
                        "type": "number",
                        "description": "Of all.",
                        "minimum": 0,
                        "maximum": 100,
                        "multipleOf": 0.5,
                        "default": 12.5,
                        "examples": [50],
                    }
                },
                "required": ["per_cent"],
            }
        )
    )
    assert (field.title, field.description, field.kind, field.required) == ("Per cent", "Of all.", "number", True)
    assert (field.minimum, field.maximum, field.step, field.default, field.placeholder) == (0, 100, 0.5, 12.5, "50")


@pytest.mark.parametrize(
    ("node", "kind"),
    [
        ({"type": "string"}, "text"),
        ({"type": "string", "maxLength": 200}, "text"),
        ({"type": "string", "maxLength": 201}, "multiline"),
        ({"type": "string", "format": "multiline"}, "multiline"),
        ({"type": "string", "contentMediaType": "text/markdown"}, "multiline"),
        ({"type": "string", "maxLength": 300, "pattern": "a"}, "text"),
        ({"type": "string", "format": "date"}, "date"),
        ({"type": "string", "format": "email"}, "text"),
        ({"type": ["null", "string"]}, "text"),
        ({"type": ["integer", "string"]}, "mixed"),
        ({"type": "boolean"}, "boolean"),
        ({"type": ["boolean", "null"]}, "choice"),
        ({"enum": [1, 2]}, "choice"),
        ({"enum": []}, "json"),
        ({"const": "a"}, "choice"),
        ({"type": "null"}, "json"),
        ({"type": "array", "items": {"enum": ["a"]}}, "choices"),
        ({"type": "array", "items": {"type": "string"}}, "list"),
        ({"type": "array", "prefixItems": [{}], "items": {"enum": ["a"]}}, "json"),
        ({"type": "array", "items": True}, "json"),
        ({"type": "object"}, "json"),
        ({}, "json"),
        (True, "json"),
        (False, "json"),
        ({"allOf": [{"type": "integer"}], "title": "N"}, "integer"),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "mixed"),
        ({"anyOf": [{"enum": ["a"]}, {"const": "b"}, {"type": "null"}]}, "choice"),
    ],
)
def test_the_kind_of_a_field_follows_from_its_schema(node: object, kind: str) -> None:
    assert kinds({"properties": {"x": node}}) == {"x": kind}


def test_a_hint_says_what_a_line_means() -> None:
    hints: list[tuple[dict[str, Any], str]] = [
        ({"type": "array", "items": {"type": "string"}}, "One per line."),
        ({"type": ["integer", "string"]}, "In quotation marks a number is a text."),
        ({"type": ["integer", "boolean"]}, ""),
        ({"type": "string"}, ""),
    ]
    for node, hint in hints:
        assert hint_of(form_fields(one(**node))[0]) == hint


def test_fields_stand_in_the_order_of_the_properties() -> None:
    assert [field.name for field in form_fields(form_schema({"properties": {"z": {}, "a": {}, "m": {}}}))] == [
        "z",
        "a",
        "m",
    ]


def test_the_name_of_a_class_is_no_title() -> None:
    titles = {field.name: field.title for field in form_fields(ORDER)}
    assert (titles["colour"], titles["due_on"]) == ("Colour", "Due On")
    named = {"properties": {"my_x": {"$ref": "#/$defs/K"}}, "$defs": {"K": {"title": "K", "enum": [1]}}}
    assert form_fields(form_schema(named))[0].title == "My x"


@pytest.mark.parametrize(
    ("node", "choices"),
    [
        ({"enum": ["a", "b"]}, [("a", "a", "a"), ("b", "b", "b")]),
        ({"enum": [1, True, "1", 1]}, [(1, "1", "=1"), (True, "Yes", "true"), ("1", "1", "1")]),
        ({"enum": ["x", None]}, [("x", "x", "x")]),
        ({"oneOf": [{"const": "a", "title": "First"}, {"const": "b"}]}, [("a", "First", "a"), ("b", "b", "b")]),
        ({"anyOf": [{"const": 1, "title": "One"}, {"type": "null"}]}, [(1, "One", "1")]),
        ({"anyOf": [{"enum": ["a"]}, {"const": [1]}]}, [("a", "a", "a"), ([1], "[1]", "[1]")]),
        ({"type": ["boolean", "null"]}, [(True, "Yes", "true"), (False, "No", "false")]),
    ],
)
def test_each_choice_has_a_label_and_a_key_of_its_own(
    node: dict[str, Any], choices: list[tuple[Any, str, str]]
) -> None:
    (field,) = form_fields(one(**node))
    assert [(c.value, c.label, c.key) for c in field.choices] == choices


def test_an_excluded_bound_of_a_whole_number_is_said_by_the_next() -> None:
    (field,) = form_fields(one(type="integer", exclusiveMinimum=0, exclusiveMaximum=9.5))
    assert (field.minimum, field.maximum, field.step) == (1, 9, 1)


def test_defaults_are_copies_of_what_the_form_says() -> None:
    assert default_answer(ORDER) == {
        "colour": "red",
        "share": None,
        "sure": None,
        "urgent": True,
        "kind": "new",
        "tags": [],
        "more": {},
    }
    default_answer(ORDER)["tags"].append("x")
    assert default_answer(ORDER)["tags"] == []
    assert problems(ORDER, {"amount": 1, "reason": "r", "due_on": "2025-01-31"} | default_answer(ORDER)) == ()


@pytest.mark.parametrize(
    ("node", "kind"),
    [
        ({"type": "string", "format": "date-time"}, "datetime"),
        ({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}, "datetime"),
        ({"type": "string", "format": "time"}, "time"),
        ({"type": "string", "format": "uuid"}, "text"),
        ({"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}, "text"),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}]}, "number"),
        ({"type": ["integer", "boolean", "null"]}, "mixed"),
        ({"anyOf": [{"type": "number"}, {"type": "string"}]}, "mixed"),
        ({"anyOf": [{"type": "number"}, {"type": "string"}, {"type": "null"}]}, "mixed"),
        ({"anyOf": [{"type": "number"}, {"type": "string", "format": "decimal"}, {"type": "null"}]}, "decimal"),
        ({"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"}]}, "decimal"),
        ({"anyOf": [{"type": "number"}, {"type": "string", "pattern": "^[a-z]+$"}]}, "mixed"),
        ({"anyOf": [{"type": "integer"}, {"const": "auto"}]}, "mixed"),
        ({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "string"}}]}, "json"),
        ({"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "null"}]}, "list"),
        ({"type": "array", "items": {"type": "string", "format": "date-time"}}, "list"),
        ({"type": "array", "items": {"type": "object"}}, "json"),
        ({"type": "array", "items": {"type": ["string", "null"]}}, "json"),
        ({"type": "array"}, "json"),
    ],
)
def test_unions_lists_and_formats_become_fields_that_a_person_fills_in(node: object, kind: str) -> None:
    assert kinds({"properties": {"x": node}}) == {"x": kind}


def test_a_moment_without_an_offset_is_refused_on_every_way_in() -> None:
    form = one(type="string", format="date-time")
    assert "with its time zone" in problems(form, {"x": "2026-07-01T09:00:00"})[0]
    assert problems(form, {"x": "2026-07-01T09:00:00+02:00"}) == ()


def test_a_model_within_itself_is_shown_once() -> None:
    tree = {"$ref": "#/$defs/T", "$defs": {"T": {"type": "object", "properties": {
        "name": {"type": "string"}, "up": {"anyOf": [{"$ref": "#/$defs/T"}, {"type": "null"}]},
        "down": {"type": "array", "items": {"$ref": "#/$defs/T"}}}}}}  # fmt: skip
    assert kinds(tree) == {"name": "text", "up": "json", "down": "json"}


@pytest.mark.parametrize(
    "form",
    [
        {"a": {"type": "object", "properties": {"b.c": {}}}},
        {"a": {"type": "object", "properties": {"b": {}}}, "a.b": {}},
        {"a": {"type": "object", "properties": {"b": {}}, "default": {"c": 1}}},
        {"a": {"type": "object", "properties": {"b": {}}, "patternProperties": {"x": {}}}},
        {"a": {"anyOf": [{"type": "object", "properties": {"b": {}}}, {"type": "object", "properties": {"c": {}}}]}},
    ],
)
def test_an_object_that_fields_could_not_say_is_json(form: dict[str, Any]) -> None:
    assert kinds({"properties": form})["a"] == "json"


def test_an_object_that_nobody_filled_in_is_left_out() -> None:
    inner = {"type": "object", "properties": {"n": {"type": "integer", "default": 3}, "ok": {"type": "boolean"}}}
    form = form_schema({"properties": {"may": inner, "must": inner, "null": {"anyOf": [inner, {"type": "null"}]}},
                        "required": ["must", "null"]})  # fmt: skip
    untouched = default_strings(form)
    assert untouched == {"may.n": "3", "must.n": "3", "null.n": "3"}
    assert from_strings(form, untouched) == {"must": {"n": 3, "ok": False}, "null": None}
    filled = untouched | {"may.n": "4", "null.ok": "on"}
    assert from_strings(form, filled) == {
        "may": {"n": 4, "ok": False},
        "must": {"n": 3, "ok": False},
        "null": {"n": 3, "ok": True},
    }


def test_an_object_may_be_sent_in_one_piece() -> None:
    form = form_schema({"properties": {"a": {"type": "object", "properties": {"b": {"type": "integer"}}}}})
    assert from_strings(form, {"a": '{"b": 2}'}) == {"a": {"b": 2}}
    assert problems(form, from_strings(form, {"a": "{"})) == ('a: "{" is not an object',)


# ---- what a form post means ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["1e400", "-1e400", "9" * 4_000])
@pytest.mark.parametrize("node", [{"type": ["number", "string"]}, {"type": "object"}, {}])
def test_a_number_out_of_range_is_kept_as_it_was_written_for_the_one_who_refuses_it(
    node: dict[str, Any], text: str
) -> None:
    body = from_strings(one(**node), {"x": text})
    assert [(path, found.text) for path, found in out_of_range(body)] == [(("x",), text)]
    assert to_strings(one(**node), body) == {"x": text}


@pytest.mark.parametrize(
    ("node", "sent", "meant"),
    [
        ({"type": "integer"}, " 12 ", 12),
        ({"type": "integer"}, "-007", -7),
        ({"type": "integer"}, "1e3", 1000.0),
        ({"type": "number"}, ".5", 0.5),
        ({"type": "number"}, "1e999", "1e999"),
        ({"type": "number"}, "nan", "nan"),
        ({"type": "number"}, "1_000", "1_000"),
        ({"type": "number"}, "\u0661", "\u0661"),
        ({"type": "number"}, "1,5", "1,5"),
        ({"type": "integer"}, "9" * 3_001, "9" * 3_001),
        ({"type": "boolean"}, "on", True),
        ({"type": "boolean"}, "FALSE", False),
        ({"type": "boolean"}, ["false", "on"], True),
        ({"type": "boolean"}, "maybe", "maybe"),
        ({"type": "string"}, " a\r\nb ", " a\r\nb "),
        ({"type": "string"}, ["a"], "a"),
        ({"type": "string"}, ["a", "b"], ["a", "b"]),
        ({"type": "string", "format": "multiline"}, "a\r\nb", "a\nb"),
        ({"type": "string", "format": "date"}, " 2025-01-31", "2025-01-31"),
        ({"enum": [1, "1", ""]}, "1", "1"),
        ({"enum": [1, "1", ""]}, "=1", 1),
        ({"enum": [1, "1", ""]}, "", ""),
        ({"enum": ["a"]}, "b", "b"),
        ({"type": "array", "items": {"enum": [1, 2]}}, "2", [2]),
        ({"type": "array", "items": {"enum": [1, 2]}}, ["2", "x"], [2, "x"]),
        ({"type": "object"}, '{"a": [1]}', {"a": [1]}),
        ({"type": "object"}, "{a}", "{a}"),
        ({"type": "object"}, "NaN", "NaN"),
        ({"type": "string", "format": "time"}, "12:30", "12:30:00"),
        ({"type": ["number", "string"]}, "12", 12),
        ({"type": ["number", "string"]}, " 1.50 ", 1.5),
        ({"type": ["number", "string"]}, '"12"', "12"),
        ({"type": ["number", "string"]}, "007", "007"),
        ({"type": ["number", "string"]}, "0.12345678901234567890", "0.12345678901234567890"),
        ({"type": ["number", "string"]}, "9007199254740993", 9007199254740993),
        ({"type": ["number", "string"]}, "true", "true"),
        ({"type": ["number", "string"]}, " twelve", " twelve"),
        ({"type": ["number", "string"], "default": "12.50"}, "12.50", "12.50"),
        ({"type": ["integer", "string"]}, "1.5", "1.5"),
        ({"type": ["integer", "string"]}, "1e400", "1e400"),
        ({"type": ["integer", "boolean"]}, "true", True),
        ({"type": ["integer", "boolean"]}, "maybe", "maybe"),
        ({"type": "array", "items": {"type": "string"}}, "a\r\n\r\n b ", ["a", "b"]),
        ({"type": "array", "items": {"type": "string"}}, ["a", "b"], ["a", "b"]),
        ({"type": "array", "items": {"type": "string"}}, "", []),
        ({"type": "array", "items": {"type": "string"}}, '["a\\nb", ""]', ["a\nb", ""]),
        ({"type": "array", "items": {"type": "string"}}, "[a", ["[a"]),
        ({"type": "array", "items": {"type": "integer"}}, "1\n2", [1, 2]),
        ({"type": "object"}, "[" * 99_999, "[" * 99_999),
    ],
)
def test_a_string_becomes_what_its_field_means(node: dict[str, Any], sent: str | list[str], meant: object) -> None:
    found = from_strings(one(**node), {"x": sent})["x"]
    assert (found, type(found)) == (meant, type(meant))


def test_an_empty_post_answers_only_what_can_be_unticked() -> None:
    assert from_strings(ORDER, {}) == {"urgent": False, "tags": []}
    empty = dict.fromkeys(["amount", "reason", "due_on", "colour", "share", "sure", "kind", "more"], "")
    assert from_strings(ORDER, empty) == {"urgent": False, "tags": []}
    assert from_strings(one(type="array", items={"enum": [1]}, minItems=1), {}) == {}


def test_an_empty_field_is_null_where_it_must_be_something_and_may_be_null() -> None:
    form = form_schema({"properties": {"x": {"type": ["integer", "null"]}}, "required": ["x"]})
    assert from_strings(form, {"x": ""}) == {"x": None}
    assert problems(form, {"x": None}) == ()


def test_what_cannot_be_read_is_named_as_a_problem() -> None:
    sent: dict[str, str | list[str]]
    sent = {"amount": "a dozen", "reason": "r", "due_on": "tomorrow", "more": "{", "tags": ["red", "pink"]}
    assert problems(ORDER, from_strings(ORDER, sent)) == (
        'amount: "a dozen" is not a whole number',
        'due_on: "tomorrow" is not a date like 2025-01-31',
        'tags[1]: "pink" is not one of "red", "blue"',
        'more: "{" is not an object',
    )


def test_a_name_that_is_no_field_stays() -> None:
    form = form_schema({"properties": {"x": {}}, "additionalProperties": False})
    assert from_strings(form, {"y": ["1", "2"]}) == {"y": ["1", "2"]}
    assert problems(form, {"y": ["1", "2"]}) == ("y: is not asked for",)


def test_an_answer_that_does_not_fit_is_shown_again_as_it_was_sent() -> None:
    sent: dict[str, str | list[str]] = {"amount": "a dozen", "reason": "r", "due_on": "soon", "colour": "pink"}
    assert to_strings(ORDER, from_strings(ORDER, sent)) == sent | {"tags": []}


texts = st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1, max_size=20)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
inner_json = st.recursive(
    st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
consts = st.lists(st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "1", "=1", "true", "a", "[]"]), min_size=1)


number_texts = st.sampled_from(["1", "1.5", "true", '"a"', "null", " 1 ", "[1]", "1e400"])
inside = {
    "type": "object",
    "properties": {"a": {"type": "string"}, "b": {"type": "boolean"}},
    "required": ["a", "b"],
    "additionalProperties": False,
}

#: A property, its valid answers, and whether a form post always answers it.
Property: TypeAlias = tuple[dict[str, Any], st.SearchStrategy[Any], bool]
PLAIN: dict[str, Property] = {
    "text": ({"type": "string"}, texts, False),
    "long": ({"type": "string", "format": "multiline"}, texts, False),
    "int": ({"type": "integer"}, st.integers(), False),
    "number": ({"type": "number"}, numbers, False),
    "decimal": (
        {"anyOf": [{"type": "number"}, {"type": "string", "format": "decimal"}]},
        st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9).map(str),
        False,
    ),
    "bool": ({"type": "boolean"}, st.booleans(), True),
    "date": ({"type": "string", "format": "date"}, st.dates().map(str), False),
    "time": ({"type": "string", "format": "time"}, st.times().map(lambda t: t.isoformat("seconds")), False),
    "moment": (
        {"type": "string", "format": "date-time"},
        st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
        False,
    ),
    "mixed": ({"type": ["number", "string", "boolean"]}, texts | numbers | st.booleans() | number_texts, False),
    "whole": ({"type": ["integer", "string"], "default": "12"}, texts | st.integers() | number_texts, False),
    "lines": ({"type": "array", "items": {"type": "string"}}, st.lists(texts | number_texts, max_size=4), False),
    "numbers": (
        {"type": "array", "items": {"type": ["number", "string"]}},
        st.lists(texts | numbers, max_size=4),
        False,
    ),
    "inside": (inside, st.fixed_dictionaries({"a": texts, "b": st.booleans()}), False),
    "json": ({}, inner_json, False),
}


@st.composite
def properties(draw: st.DrawFn) -> Property:
    """One of every kind."""
    kind = draw(st.sampled_from([*PLAIN, "enum", "titled", "many"]))
    if kind in PLAIN:
        return PLAIN[kind]
    values = draw(consts)
    match kind:
        case "enum":
            return {"enum": values}, st.sampled_from(values), False
        case "titled":
            return {"anyOf": [{"const": v, "title": "t"} for v in values]}, st.sampled_from(values), False
    return {"type": "array", "items": {"enum": values}}, st.lists(st.sampled_from(values), max_size=4), True


@st.composite
def answered(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """A flat form and a valid answer: what is optional may lack, unless a form post always answers it."""
    made = draw(st.dictionaries(st.text(max_size=8).filter(str.isprintable), properties(), max_size=6))
    required = [name for name in made if draw(st.booleans())]
    body = {
        name: draw(values)
        for name, (_, values, always) in made.items()
        if name in required or always or draw(st.booleans())
    }
    form = {"type": "object", "properties": {name: node for name, (node, _, _) in made.items()}, "required": required}
    return form_schema(form), body


def exact(value: Any) -> Any:
    """A value in which ``True`` and ``1`` differ, and ``1`` and ``1.0`` do not."""
    if isinstance(value, dict):
        return {key: exact(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [exact(inner) for inner in value]
    return isinstance(value, bool), value


@given(answered())
def test_a_valid_answer_survives_a_form_post(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    form, body = pair
    assert problems(form, body) == ()
    sent = to_strings(form, body)
    assert exact(from_strings(form, sent)) == exact(body)
    over_the_wire = {name: keys for name, keys in sent.items() if keys != []}  # nothing ticked sends nothing
    assert exact(from_strings(form, over_the_wire)) == exact(body)


def test_what_is_no_text_stays_and_is_a_problem() -> None:
    """A file sent along with a form, or JSON where strings were promised."""
    file = {"filename": "a.txt", "path": "/tmp/a"}
    sent: dict[str, Any] = {"amount": file, "reason": [file], "colour": 5, "urgent": None, "tags": [["red"]]}
    found = from_strings(ORDER, sent)
    assert found == sent
    assert [text.split(":")[0] for text in problems(ORDER, found)][:2] == ["amount", "reason"]


@given(st.dictionaries(st.sampled_from([*Order.model_fields, "x"]), st.lists(st.text(), max_size=3) | inner_json))
def test_no_form_post_breaks_a_form(sent: dict[str, Any]) -> None:
    body = from_strings(ORDER, sent)
    assert len(problems(ORDER, body)) <= MAX_PROBLEMS
    to_strings(ORDER, body)


def test_checking_a_form_leaves_the_slow_package_to_who_needs_it() -> None:
    pytest.importorskip("rfc3987_syntax")
    look = (
        "import sys\n"
        "from pdnb.forms.schemas import form_schema\n"
        "form_schema({'properties': {'x': {}}})\n"
        "assert 'lark' not in sys.modules and 'rfc3987_syntax' not in sys.modules\n"
        "import jsonschema\n"
        "checker = jsonschema.Draft202012Validator.FORMAT_CHECKER\n"
        "print(checker.conforms('https://example.com/\\u00fc', 'iri'), checker.conforms('\\\\', 'iri'))\n"
        "import rfc3987_syntax\n"
        "print(rfc3987_syntax.__spec__ is not None)\n"
    )
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", look], cwd=root, check=True, capture_output=True, text=True)
    assert run.stdout.split() == ["True", "False", "True"]


def test_importing_forms_loads_nothing_heavy() -> None:
    look = "import sys; from pdnb.forms import fields, form_post, schemas, validation; print(*sys.modules)"
    root = Path(__file__).parents[2]
    loaded = subprocess.run([sys.executable, "-c", look], cwd=root, check=True, capture_output=True, text=True)
    assert {"jsonschema", "referencing", "pydantic"}.isdisjoint(loaded.stdout.split())
