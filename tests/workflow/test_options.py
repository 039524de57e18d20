"""A magic's line: options and names first, then one event, all of it taken literally."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdnb.errors import DefinitionError
from pdnb.workflow.options import Line, Options, read_event

RUN = Options("%pdnb run", values=("--workflow",), flags=("--wait", "--headless"))
STEP = Options("%%step", values=("--workflow",), flags=("--test",), jsons=("--resume-with",), named=True)
RUNS = Options("%pdnb runs", values=("--status", "--workflow", "--limit"))


@pytest.mark.parametrize(
    ("line", "options", "rest"),
    [
        ("", {}, ""),
        ("   ", {}, ""),
        ('{"a": 1}', {}, '{"a": 1}'),
        ("--wait", {"--wait": True}, ""),
        ('--wait {"a": "b  c"}', {"--wait": True}, '{"a": "b  c"}'),
        ("--workflow mail event", {"--workflow": "mail"}, "event"),
        ("-w mail --wait event", {"--workflow": "mail", "--wait": True}, "event"),
        ("--workflow=mail event", {"--workflow": "mail"}, "event"),
        ('-w "my mail" event', {"--workflow": "my mail"}, "event"),
        ("-w 'my mail' --wait", {"--workflow": "my mail", "--wait": True}, ""),
        ('--workflow="my mail" --wait', {"--workflow": "my mail", "--wait": True}, ""),
        ("-w\tmail\t--wait", {"--workflow": "mail", "--wait": True}, ""),
        ("-w mail=1", {"--workflow": "mail=1"}, ""),
        ("-5", {}, "-5"),
        ("--wait -2.5", {"--wait": True}, "-2.5"),
        ('["--wait"]', {}, '["--wait"]'),
        ("event --wait", {}, "event --wait"),
        ("-w {x} $x", {"--workflow": "{x}"}, "$x"),
        ('{"a": "{x} $x {y!r}"}', {}, '{"a": "{x} $x {y!r}"}'),
    ],
)
def test_options_stand_before_the_rest_and_the_rest_stays_as_it_was_written(
    line: str, options: dict[str, Any], rest: str
) -> None:
    assert RUN.read(line) == Line(options, None, rest)


@pytest.mark.parametrize(
    ("line", "options", "name"),
    [
        ("draft", {}, "draft"),
        ("draft -w mail", {"--workflow": "mail"}, "draft"),
        ("-w mail draft --test", {"--workflow": "mail", "--test": True}, "draft"),
        ('draft --resume-with {"a": [1, 2]} --test', {"--resume-with": '{"a": [1, 2]}', "--test": True}, "draft"),
        ("--resume-with body --test draft", {"--resume-with": "body", "--test": True}, "draft"),
        ("draft --resume-with='{\"a\": 1}'", {"--resume-with": '{"a": 1}'}, "draft"),
        ('draft --resume-with="a  b"', {"--resume-with": '"a  b"'}, "draft"),
        ("", {}, None),
        ("--test", {"--test": True}, None),
    ],
)
def test_a_name_may_stand_before_and_behind_the_options(line: str, options: dict[str, Any], name: str | None) -> None:
    assert STEP.read(line) == Line(options, name, "")


@pytest.mark.parametrize(
    ("options", "line", "said"),
    [
        (RUN, "--wat", "%pdnb run has no option --wat (it has: --workflow, --wait, --headless)"),
        (RUN, "--wai", "%pdnb run has no option --wai ("),
        (RUN, "--work mail", "%pdnb run has no option --work ("),
        (RUN, "-x", "%pdnb run has no option -x ("),
        (RUN, "-", "%pdnb run has no option - ("),
        (RUN, "--", "%pdnb run has no option -- ("),
        (RUN, "--wait=yes", "%pdnb run --wait takes no value"),
        (RUN, "-n 5", "%pdnb run has no option -n ("),
        (RUN, "-wmail", "%pdnb run has no option -wmail ("),
        (Options("%pdnb show"), "--all", "%pdnb show has no option --all (it has: none)"),
        (RUN, "-w", "%pdnb run -w wants a value"),
        (RUN, "--workflow=", "%pdnb run --workflow wants a value"),
        (RUN, "--workflow= mail", "%pdnb run --workflow wants a value"),
        (RUN, "-w --wait", "%pdnb run -w wants a value"),
        (STEP, "draft --resume-with", "%%step --resume-with wants a value"),
        (RUN, '-w "my mail', 'the quote " is never closed'),
        (STEP, "'draft", "the quote ' is never closed"),
    ],
)
def test_what_cannot_be_read_is_one_clear_line(options: Options, line: str, said: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        options.read(line)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_words_are_split_as_in_a_shell() -> None:
    assert RUN.read("--wait one 'two three' four").words() == ["one", "two three", "four"]
    with pytest.raises(DefinitionError, match=r"cannot be read: no closing quotation$"):
        RUN.read('one "two').words()


# ---- events

NAMES = {"event": {"to": "al"}, "nothing": None, "x": 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("event", {"to": "al"}),
        ("nothing", None),
        ("null", None),
        ("true", True),
        ("-2.5", -2.5),
        ('"event"', "event"),
        ('{"a":   [1, {"b": "{x} $x"}]}', {"a": [1, {"b": "{x} $x"}]}),
        ('"ü \\u00fc"', "ü ü"),
    ],
)
def test_an_event_is_json_or_the_name_of_a_variable(text: str, value: Any) -> None:
    assert read_event(text, NAMES) == value


def test_a_variables_value_is_taken_as_it_is() -> None:
    assert read_event("event", NAMES) is NAMES["event"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("evnt", "'evnt' is no variable here and no JSON"),
        ("{'a': 1}", "JSON wants double quotes"),
        ('{"a": 1', "is neither JSON nor the name of a variable"),
        ('{"a": 1} --wait', "is neither JSON nor the name of a variable"),
        ("event.to", "is neither JSON nor the name of a variable"),
        ("__import__('os')", "is neither JSON nor the name of a variable"),
        ("[" * 100_000, "is neither JSON nor the name of a variable"),
        ("NaN", "'NaN' is no variable here and no JSON"),
    ],
)
def test_an_event_that_is_neither_is_one_clear_line(text: str, said: str) -> None:
    with pytest.raises(DefinitionError) as raised:
        read_event(text, NAMES)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(json_values, st.booleans())
def test_any_json_on_a_line_arrives_unchanged(value: Any, waits: bool) -> None:
    text = json.dumps(value)
    line = RUN.read(f"--wait {text}" if waits else text)
    assert read_event(line.rest, {}) == value
    assert ("--wait" in line.options) == waits


@given(st.text(max_size=40))
def test_every_line_is_read_or_refused(text: str) -> None:
    for options in (RUN, STEP, RUNS):
        try:
            line = options.read(text)
            line.words()
        except DefinitionError:
            continue
        assert line.options.keys() <= set(options.all)
