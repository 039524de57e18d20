"""What pydantic says of a model, as fields: filled in by a person, checked, and taken by the model with its types."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdnb.forms.fields import form_fields, form_names
from pdnb.forms.form_post import default_strings, from_strings, to_strings
from pdnb.forms.schemas import form_schema
from pdnb.forms.validation import MAX_PROBLEMS, problems


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Address(pydantic.BaseModel):
    street: str
    number: int = 1


class Booking(pydantic.BaseModel):
    """One field for every kind of annotation that people use."""

    price: Decimal
    fee: Annotated[Decimal, pydantic.Field(gt=0, max_digits=6, decimal_places=2)] = Decimal("12.50")
    tip: Decimal | None = None
    at: datetime
    until: datetime | None = None
    from_then: datetime = datetime(2026, 1, 1, 9, tzinfo=UTC)
    opens: time = time(9)
    names: list[str]
    counts: list[int] | None = None
    colours: set[Colour] = set()
    amounts: list[Decimal] = []
    room: int | str
    limit: float | Literal["none"] = "none"
    exact: int | float = 1
    key: UUID
    home: Address
    office: Address | None = None
    colour: Colour | None = None


BOOKING = form_schema(Booking)


def test_what_pydantic_writes_of_a_model_becomes_fields() -> None:
    assert {field.name: field.kind for field in form_fields(BOOKING)} == {
        "price": "decimal",
        "fee": "decimal",
        "tip": "decimal",
        "at": "datetime",
        "until": "datetime",
        "from_then": "datetime",
        "opens": "time",
        "names": "list",
        "counts": "list",
        "colours": "choices",
        "amounts": "list",
        "room": "mixed",
        "limit": "mixed",
        "exact": "number",
        "key": "text",
        "home.street": "text",
        "home.number": "integer",
        "office.street": "text",
        "office.number": "integer",
        "colour": "choice",
    }


FILLED: dict[str, str | list[str]] = {
    "price": "0.12345678901234567890",
    "at": "2026-07-01T09:00+02:00",
    "names": "Ada\r\nGrace\r\n",
    "counts": "1\n2",
    "colours": ["red"],
    "room": "12",
    "key": "12345678-1234-5678-1234-567812345678",
    "home.street": "High Street",
}


def test_a_model_takes_what_a_person_filled_in_with_its_types() -> None:
    sent = default_strings(BOOKING) | FILLED
    body = from_strings(BOOKING, sent)
    assert body == {
        "price": "0.12345678901234567890",
        "fee": "12.50",
        "at": "2026-07-01T09:00:00+02:00",
        "from_then": "2026-01-01T09:00:00Z",
        "opens": "09:00:00",
        "names": ["Ada", "Grace"],
        "counts": [1, 2],
        "colours": ["red"],
        "amounts": [],
        "room": 12,
        "limit": "none",
        "exact": 1,
        "key": "12345678-1234-5678-1234-567812345678",
        "home": {"street": "High Street", "number": 1},
    }
    assert problems(BOOKING, body) == ()
    made = Booking.model_validate(body)
    assert (made.price, made.fee, made.at.utcoffset()) == (
        Decimal("0.12345678901234567890"),
        Decimal("12.50"),
        made.at.utcoffset(),
    )
    assert made.at.tzinfo is not None
    assert made.office is None


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("price", "abc", 'price: "abc" is not a decimal number'),
        ("price", "1e400", 'price: "1e400" is not a decimal number'),
        ("price", "NaN", 'price: "NaN" is not a decimal number'),
        ("price", "", "price: is required"),
        ("fee", "0", "fee: 0 is not more than 0"),
        ("fee", "1.234", "fee: 1.234 is not a multiple of 0.01"),
        ("fee", "10000.00", "fee: 10000.00 is not less than 10000"),
        ("tip", "x", 'tip: "x" is not a decimal number'),
        ("at", "soon", 'at: "soon" is not a moment with its time zone'),
        ("at", "2026-07-01", 'at: "2026-07-01" is not a moment with its time zone'),
        ("opens", "25:00", 'opens: "25:00:00" is not a time like 12:30:00'),
        ("counts", "1\ntwo", 'counts[1]: "two" is not a whole number'),
        ("colours", ["pink"], 'colours[0]: "pink" is not one of "red", "blue"'),
        ("amounts", "1\nx", 'amounts[1]: "x" is not a decimal number'),
        ("limit", "some", 'limit: "some" is not'),
        ("key", "x", 'key: "x" is not a UUID'),
        ("home.street", "", None),
        ("home.number", "x", 'home.number: "x" is not a whole number'),
        ("office.number", "2", "office.street: is required"),
    ],
)
def test_what_does_not_fit_a_model_is_said_at_its_field(name: str, text: str | list[str], says: str | None) -> None:
    found = problems(BOOKING, from_strings(BOOKING, default_strings(BOOKING) | FILLED | {name: text}))
    if says is None:
        assert found == ("home.street: is required",)
    else:
        assert len(found) == 1
        assert found[0].startswith(says)


@pytest.mark.parametrize("value", ["9.99", 9.5, 1, "0.01", "007", "9999.99"])
def test_a_decimal_is_a_number_or_a_text_of_one_and_held_against_the_same_bounds(value: object) -> None:
    fits = {
        "price": 1,
        "at": "2026-07-01T09:00:00Z",
        "names": [],
        "room": 1,
        "key": FILLED["key"],
        "home": {"street": "s"},
    }
    assert problems(BOOKING, fits | {"fee": value}) == ()
    for wrong in (-1, "-1", 0, "0", "0.001", 0.001, 10_000, "10000", "x", ""):
        assert [line.split(":")[0] for line in problems(BOOKING, fits | {"fee": wrong})] == ["fee"], wrong


@pytest.mark.parametrize("places", [0, 2, 9])
def test_the_places_of_a_decimal_are_its_step(places: int) -> None:
    model = pydantic.create_model("M", x=(Annotated[Decimal, pydantic.Field(decimal_places=places)], ...))
    form = form_schema(model)
    assert problems(form, {"x": f"{1:.{places}f}"}) == ()
    assert len(problems(form, {"x": f"{1:.{places}f}{'' if places else '.'}5"})) == 1


def test_a_model_with_a_generator_of_its_own_is_asked_as_it_is() -> None:
    class Odd:
        @staticmethod
        def model_json_schema() -> dict[str, Any]:
            return {"properties": {"a": {"type": "string"}}}

    assert form_schema(Odd) == {"properties": {"a": {"type": "string"}}}


NAMES = sorted(form_names(BOOKING) | {"x"})
LIKELY = st.sampled_from(
    [
        "",
        "1",
        "1.5",
        "-3",
        "1e400",
        "abc",
        "2026-07-01T09:00",
        "2026-07-01",
        "09:30",
        "1\n2",
        "red",
        "none",
        "[1]",
        "{}",
        '{"street": "s"}',
        '"1"',
        "null",
        "true",
        "[" * 500,
        "9" * 5000,
        str(FILLED["key"]),
    ]
)
SENT = st.dictionaries(
    st.sampled_from(NAMES),
    LIKELY | st.text() | st.lists(LIKELY, max_size=3) | st.fixed_dictionaries({"path": st.text()}),
)


@given(SENT)
def test_no_form_post_breaks_a_model(sent: dict[str, Any]) -> None:
    body = from_strings(BOOKING, sent)
    assert len(problems(BOOKING, body)) <= MAX_PROBLEMS
    to_strings(BOOKING, body)


@given(st.dictionaries(st.sampled_from(sorted(form_names(BOOKING))), LIKELY, max_size=4))
def test_what_the_checker_takes_the_model_takes(sent: dict[str, str]) -> None:
    body = from_strings(BOOKING, default_strings(BOOKING) | FILLED | sent)
    if problems(BOOKING, body) == ():
        Booking.model_validate(body)
