"""What a step may ask for, and the one event that comes of it."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdnb.errors import NotJSON, PdnbError
from pdnb.model import End, Exited, Returned, Slept, Suspended
from pdnb.runtime.flow import Flow, URLs
from pdnb.runtime.step_object import Pd
from pdnb.runtime.times import MAX_MS

DAY = 86_400_000
NOW = 1_700_000_000_000
LINKS = URLs(resume_url="http://host/pdnb/resume/r", cancel_url="http://host/pdnb/cancel/c")

Call: TypeAlias = Callable[[Flow], object]

PAUSES: dict[str, Call] = {
    "suspend": lambda flow: flow.suspend(),
    "rerun": lambda flow: flow.rerun(5),
    "delay": lambda flow: flow.delay(5),
}


def wanted(*calls: Call, **settings: Any) -> End:
    """The event after these calls."""
    flow = Flow(LINKS, **settings)
    for call in calls:
        call(flow)
    return flow.event(NOW, 7, {"a": 1}, ({"output_type": "stream"},))


def suspended(*calls: Call, **settings: Any) -> Suspended:
    event = wanted(*calls, **settings)
    assert isinstance(event, Suspended)
    return event


def slept(*calls: Call) -> Slept:
    event = wanted(*calls)
    assert isinstance(event, Slept)
    return event


def pd_of(flow: Flow | None = None) -> Pd:
    send: Any = object()
    return Pd("load", flow or Flow(LINKS), send, {"trigger": {"event": {"to": "ann"}}}, {"run": {"runs": 1}})


# ---- one call -----------------------------------------------------------------------------------------------------


def test_a_step_that_asks_for_nothing_returns() -> None:
    event = wanted()
    assert event == Returned(NOW, 7, {"a": 1}, ({"output_type": "stream"},))


@pytest.mark.parametrize("kind", PAUSES)
def test_every_pause_returns_the_same_two_links(kind: str) -> None:
    """Returns ``{"resume_url", "cancel_url"}``; the same two URLs."""
    assert PAUSES[kind](Flow(LINKS)) == {
        "resume_url": "http://host/pdnb/resume/r",
        "cancel_url": "http://host/pdnb/cancel/c",
    }


@pytest.mark.parametrize("kind", PAUSES)
def test_every_pause_carries_what_the_step_left(kind: str) -> None:
    """Code after the call runs, ``return`` still exports."""
    event = wanted(PAUSES[kind])
    assert (event.at_ms, event.fence, event.exports) == (NOW, 7, {"a": 1})
    assert event.outputs == ({"output_type": "stream"},)


def test_suspend_waits_24_hours_and_is_then_cancelled() -> None:
    """By default, $.flow.suspend will automatically cancel the workflow after 24 hours."""
    event = suspended(lambda flow: flow.suspend())
    assert (event.due_ms, event.on_timeout, event.confirm) == (NOW + DAY, "cancel", True)


def test_suspends_first_argument_is_its_timeout() -> None:
    """You can set your own timeout (in milliseconds) as the first argument."""
    assert suspended(lambda flow: flow.suspend(1000 * 60 * 60 * 24 * 7)).due_ms == NOW + 7 * DAY
    assert suspended(lambda flow: flow.suspend(timeout=5)).due_ms == NOW + 5


def test_what_a_timeout_does_can_be_said_in_the_call_or_in_the_configuration() -> None:
    """``on_timeout="resume"`` continues instead. The default can be set in the configuration."""
    assert suspended(lambda flow: flow.suspend(on_timeout="resume")).on_timeout == "resume"
    assert suspended(lambda flow: flow.suspend(), on_timeout="resume").on_timeout == "resume"
    assert suspended(lambda flow: flow.suspend(on_timeout="cancel"), on_timeout="resume").on_timeout == "cancel"


@pytest.mark.parametrize("configured", [True, False])
@pytest.mark.parametrize("said", [True, False, None])
def test_whether_a_link_asks_first_can_be_said_in_the_call_or_in_the_configuration(
    configured: bool, said: bool | None
) -> None:
    """``confirm=False`` on the call, or ``confirm_links=False`` in the configuration: GET acts."""
    calls: tuple[Call, ...] = (
        lambda flow: flow.suspend(confirm=said),
        lambda flow: flow.rerun(1, confirm=said),
        lambda flow: flow.delay(1, confirm=said),
    )
    for call in calls:
        event = wanted(call, confirm=configured)
        assert isinstance(event, Suspended | Slept)
        assert event.confirm is (configured if said is None else said)


def test_rerun_takes_delay_context_and_max_retries_in_this_order() -> None:
    """``$.flow.rerun(delay, context, maxRetries)``."""
    event = slept(lambda flow: flow.rerun(1000 * 10, {"hello": "world"}, 3))
    assert (event.kind, event.due_ms, event.context, event.max_retries) == (
        "rerun",
        NOW + 10_000,
        {"hello": "world"},
        3,
    )


def test_a_rerun_has_10_retries_unless_told_otherwise() -> None:
    """By default, maxRetries is 10."""
    assert slept(lambda flow: flow.rerun(1)).max_retries == 10


def test_max_retries_may_be_written_as_in_javascript() -> None:
    """``maxRetries=`` is accepted as a spelling."""
    assert slept(lambda flow: flow.rerun(1, None, maxRetries=2)).max_retries == 2


def test_rerun_0_means_as_soon_as_possible() -> None:
    assert slept(lambda flow: flow.rerun(0)).due_ms == NOW
    assert slept(lambda flow: flow.delay(0)).due_ms == NOW


def test_delay_is_a_pause_before_the_next_step() -> None:
    event = slept(lambda flow: flow.delay(5_000))
    assert (event.kind, event.due_ms) == ("delay", NOW + 5_000)


def test_exit_ends_the_run_and_says_why() -> None:
    event = wanted(lambda flow: flow.exit("nothing to do"))
    assert isinstance(event, Exited)
    assert (event.reason, event.exports) == ("nothing to do", {"a": 1})


def test_return_exit_exports_nothing() -> None:
    """``return pd.flow.exit()`` skips the rest of the code."""
    value: Any = Flow(LINKS).exit  # returns None: a step that returns it makes no $return_value
    assert value() is None


def test_a_context_is_kept_as_it_was_when_it_was_passed() -> None:
    context = {"rows": [1]}

    def ask(flow: Flow) -> None:
        flow.rerun(1, context)
        context["rows"].append(2)

    assert slept(ask).context == {"rows": [1]}


def test_a_context_that_is_not_json_is_refused_with_its_place() -> None:
    with pytest.raises(NotJSON, match=r'context\["a"\]\[0\]: set is not JSON'):
        Flow(LINKS).rerun(1, {"a": [set()]})


# ---- several calls -------------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(sorted(PAUSES)), min_size=1, max_size=5))
def test_of_several_asks_the_last_wins(kinds: list[str]) -> None:
    """The last of ``suspend``/``rerun``/``delay`` wins."""
    event = wanted(*(PAUSES[kind] for kind in kinds))
    if kinds[-1] == "suspend":
        assert isinstance(event, Suspended)
    else:
        assert isinstance(event, Slept)
        assert event.kind == kinds[-1]


def test_all_calls_in_one_attempt_return_the_same_links() -> None:
    """All calls in one attempt return the **same** links, because links belong to the attempt."""
    flow = Flow(LINKS)
    first = flow.suspend()
    first["resume_url"] = "changed by the step"
    assert flow.rerun(1) == flow.delay(1) == flow.suspend() == LINKS


@given(st.permutations([*sorted(PAUSES), "exit"]))
def test_exit_beats_all(kinds: list[str]) -> None:
    """``exit`` beats all."""
    calls: dict[str, Call] = {**PAUSES, "exit": lambda flow: flow.exit()}
    assert isinstance(wanted(*(calls[kind] for kind in kinds)), Exited)


def test_an_ask_that_is_refused_records_nothing() -> None:
    """Raise before anything is recorded."""
    flow = Flow(LINKS)
    flow.delay(5)
    wrong: tuple[Callable[[Any], object], ...] = (
        lambda flow: flow.suspend(-1),
        lambda flow: flow.suspend(on_timeout="explode"),
        lambda flow: flow.suspend(confirm="yes"),
        lambda flow: flow.rerun(1, max_retries=-1),
        lambda flow: flow.rerun(1, object()),
        lambda flow: flow.exit(3),
    )
    for ask in wrong:
        with pytest.raises((ValueError, TypeError)):
            ask(flow)
    event = flow.event(NOW, 7, {}, ())
    assert isinstance(event, Slept)
    assert (event.kind, event.due_ms) == ("delay", NOW + 5)


@pytest.mark.parametrize("kind", [*PAUSES, "exit"])
def test_after_the_step_has_ended_nothing_can_be_asked_for(kind: str) -> None:
    """A pause asked for outside a step, in a thread."""
    calls: dict[str, Call] = {**PAUSES, "exit": lambda flow: flow.exit()}
    flow = Flow(LINKS)
    flow.event(NOW, 7, {}, ())
    with pytest.raises(PdnbError, match="after its step had ended"):
        calls[kind](flow)


# ---- times --------------------------------------------------------------------------------------------------------

TIMED: dict[str, Callable[[Flow, Any], object]] = {
    "timeout": lambda flow, ms: flow.suspend(ms),
    "delay": lambda flow, ms: flow.rerun(ms),
    "ms": lambda flow, ms: flow.delay(ms),
}


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize(
    "value",
    [-1, -0.5, math.nan, math.inf, -math.inf, 1e18, 10**18, 10**400, MAX_MS + 1, timedelta(days=366), timedelta(-1)],
    ids=lambda value: str(value)[:20],
)
def test_a_time_that_makes_no_sense_is_a_value_error_naming_the_argument(name: str, value: Any) -> None:
    """Numbers that are negative, NaN, infinite or beyond 365 days raise naming the argument."""
    with pytest.raises(ValueError, match=rf"^{name} is .*: use [01] to {MAX_MS} milliseconds \(365 days\)$"):
        TIMED[name](Flow(LINKS), value)


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("value", [True, False, "5s", "5", None, [], 1j, b"5", object], ids=repr)
def test_what_is_no_time_is_a_type_error_naming_the_argument(name: str, value: Any) -> None:
    """Bool, a string: raise naming the argument."""
    with pytest.raises(TypeError, match=rf"^{name} is .*: use milliseconds \(a number\) or a datetime.timedelta$"):
        TIMED[name](Flow(LINKS), value)


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize(
    ("value", "ms"),
    [
        (1, 1),
        (MAX_MS, MAX_MS),
        (1.5, 2),
        (1.001, 2),
        (1000.0, 1000),
        (timedelta(seconds=30), 30_000),
        (timedelta(days=365), MAX_MS),
        (timedelta(microseconds=1_001), 2),
    ],
)
def test_times_are_whole_milliseconds_never_less_than_asked_for(name: str, value: Any, ms: int) -> None:
    """All times are **integer milliseconds**; ``datetime.timedelta`` is accepted everywhere a time is."""
    event = wanted(lambda flow: TIMED[name](flow, value))
    assert isinstance(event, Suspended | Slept)
    assert event.due_ms == NOW + ms
    assert type(event.due_ms) is int


@pytest.mark.parametrize("value", [0, 0.0, timedelta(0)])
def test_suspend_0_is_a_value_error(value: Any) -> None:
    """``suspend(0)`` is a ``ValueError``."""
    with pytest.raises(ValueError, match="timeout is"):
        Flow(LINKS).suspend(value)


@pytest.mark.parametrize(("value", "error"), [(True, TypeError), ("3", TypeError), (2.0, TypeError), (-1, ValueError)])
def test_max_retries_is_a_whole_number_of_0_or_more(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^max_retries is"):
        Flow(LINKS).rerun(1, None, value)
    with pytest.raises(error, match=r"^max_retries is"):
        Flow(LINKS).rerun(1, maxRetries=value)


# ---- until a moment ------------------------------------------------------------------------------------------------

BERLIN = ZoneInfo("Europe/Berlin")
NAIVE = datetime(2026, 1, 2, 9)  # noqa: DTZ001  # what is refused

UNTIL: dict[str, Callable[[Flow, Any], object]] = {
    "suspend": lambda flow, moment: flow.suspend(until=moment),
    "rerun": lambda flow, moment: flow.rerun(until=moment),
    "delay": lambda flow, moment: flow.delay(until=moment),
}


def unix_ms(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def due(kind: str, moment: Any, *, now: datetime, ended_ms: int | None = None) -> int:
    """When the pause ends that is asked for at *now*, in a step that ends then or at *ended_ms*."""
    flow = Flow(LINKS, clock=lambda: unix_ms(now))
    UNTIL[kind](flow, moment)
    event = flow.event(unix_ms(now) if ended_ms is None else ended_ms, 7, {}, ())
    assert isinstance(event, Suspended | Slept)
    return event.due_ms


@pytest.mark.parametrize("kind", UNTIL)
def test_a_pause_until_a_moment_ends_at_that_moment_also_across_a_change_of_clocks(kind: str) -> None:
    """``pd.flow.suspend(until=…)``: an aware datetime is taken (daylight saving right)."""
    evening = datetime(2027, 3, 27, 18, tzinfo=BERLIN)
    nine = datetime(2027, 3, 28, 9, tzinfo=BERLIN)
    assert due(kind, nine, now=evening) == unix_ms(datetime(2027, 3, 28, 7, tzinfo=UTC))
    assert due(kind, nine.astimezone(UTC), now=evening) == unix_ms(datetime(2027, 3, 28, 7, tzinfo=UTC))


def test_of_an_hour_that_comes_twice_fold_says_which() -> None:
    evening = datetime(2026, 10, 24, 18, tzinfo=BERLIN)
    first, second = (datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=fold) for fold in (0, 1))
    assert due("delay", second, now=evening) - due("delay", first, now=evening) == 3_600_000


@pytest.mark.parametrize("kind", UNTIL)
def test_the_moment_stays_where_it_is_however_long_the_step_goes_on(kind: str) -> None:
    now, moment = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 0, 10, tzinfo=UTC)
    assert due(kind, moment, now=now, ended_ms=unix_ms(now) + 4_000) == unix_ms(moment)


@pytest.mark.parametrize("kind", UNTIL)
def test_a_pause_whose_moment_has_come_when_the_step_ends_ends_with_it(kind: str) -> None:
    now, moment = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 0, 10, tzinfo=UTC)
    assert due(kind, moment, now=now, ended_ms=unix_ms(moment) + 1) == unix_ms(moment) + 1


@given(st.datetimes(NAIVE, NAIVE + timedelta(days=360), timezones=st.timezones(), allow_imaginary=False))
def test_a_pause_never_ends_before_its_moment_nor_a_millisecond_after_it(moment: datetime) -> None:
    due_ms = due("delay", moment, now=datetime(2026, 1, 1, tzinfo=UTC))
    late = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=due_ms) - moment.astimezone(UTC)
    assert timedelta(0) <= late < timedelta(milliseconds=1)


def test_a_timestamp_of_pandas_is_a_moment() -> None:
    moment = pd.Timestamp("2027-03-28 09:00", tz="Europe/Berlin")
    assert due("suspend", moment, now=datetime(2027, 3, 27, tzinfo=UTC)) == unix_ms(
        datetime(2027, 3, 28, 7, tzinfo=UTC)
    )
    not_a_time: Any = pd.NaT
    with pytest.raises(TypeError, match=r"^until is NaT: use a datetime with a time zone"):
        Flow(LINKS).delay(until=not_a_time)


@pytest.mark.parametrize("kind", UNTIL)
@pytest.mark.parametrize(
    ("moment", "says"),
    [
        (NAIVE, r'in any time zone: add one, as tzinfo=ZoneInfo\("Europe/Berlin"\), or write until='),
        (datetime(2025, 12, 31, tzinfo=UTC), "^until is 2025-12-31T00:00:00.00:00, which has passed"),
        (datetime(2026, 1, 1, tzinfo=UTC), "which has passed"),
        (datetime(2027, 1, 1, 0, 0, 0, 1_000, tzinfo=UTC), "within 365 days"),
        (datetime.max.replace(tzinfo=UTC), "within 365 days"),
        (datetime.min.replace(tzinfo=BERLIN), "which has passed"),
    ],
)
def test_a_moment_that_makes_no_sense_is_a_value_error_that_says_what_to_write(
    kind: str, moment: datetime, says: str
) -> None:
    """A naive one is refused with the zone to add, one that has passed as well."""
    with pytest.raises(ValueError, match=says):
        due(kind, moment, now=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("kind", UNTIL)
@pytest.mark.parametrize("moment", ["2026-01-02", 5, True, date(2026, 1, 2), timedelta(1), []])
def test_what_is_no_moment_is_a_type_error(kind: str, moment: Any) -> None:
    with pytest.raises(TypeError, match=r"^until is .*: use a datetime with a time zone, as datetime\("):
        UNTIL[kind](Flow(LINKS), moment)


@pytest.mark.parametrize("name", TIMED)
@pytest.mark.parametrize("moment", [datetime(2026, 1, 2, tzinfo=UTC), NAIVE, date(2026, 1, 2)])
def test_a_moment_where_a_length_of_time_belongs_says_until(name: str, moment: Any) -> None:
    """``timeout=`` a datetime says so."""
    says = rf"^{name} is 2026-01-02.*, a moment and no length of time: write until= instead of {name}=$"
    with pytest.raises(TypeError, match=says):
        TIMED[name](Flow(LINKS), moment)


def test_a_length_and_a_moment_together_are_refused() -> None:
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    calls: tuple[Call, ...] = (
        lambda flow: flow.suspend(5, until=moment),
        lambda flow: flow.rerun(5, until=moment),
        lambda flow: flow.delay(5, until=moment),
    )
    for call in calls:
        with pytest.raises(TypeError, match="and until say when the pause ends: give one of them"):
            call(Flow(LINKS, clock=lambda: NOW))


@pytest.mark.parametrize("kind", UNTIL)
def test_what_another_process_was_asked_for_is_repeated_here_with_its_moment(kind: str) -> None:
    now, moment = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 0, 10, tzinfo=UTC)
    asked = Flow(LINKS, clock=lambda: unix_ms(now))
    UNTIL[kind](asked, moment)
    later = Flow(LINKS, clock=lambda: unix_ms(moment) + 60_000)  # the step took a while
    later.repeat(json.loads(json.dumps(asked.calls())))
    at_ms = unix_ms(now) + 5
    assert later.event(at_ms, 7, {}, ()) == asked.event(at_ms, 7, {}, ())
    with pytest.raises(ValueError, match="until_ms is"):
        Flow(LINKS, clock=lambda: NOW).repeat([("delay", {"ms": 0, "until_ms": NOW + MAX_MS + 1})])


# ---- the step object ----------------------------------------------------------------------------------------------


def test_the_calls_have_the_documented_signatures() -> None:
    """``suspend(timeout=86_400_000, *, …)``, ``rerun(delay, context=None, max_retries=10, *, …)``, ``delay(ms, …)``."""

    def shape(call: Callable[..., object]) -> list[tuple[str, object]]:
        found = list(inspect.signature(call).parameters.values())[1:]
        return [(p.name, p.default) for p in found if p.kind is p.POSITIONAL_OR_KEYWORD]

    assert shape(Flow.suspend) == [("timeout", DAY)]
    assert shape(Flow.rerun) == [("delay", None), ("context", None), ("max_retries", 10)]
    assert shape(Flow.delay) == [("ms", None)]
    assert shape(Flow.exit) == [("reason", None)]


def test_a_step_sees_the_exports_of_earlier_steps_and_its_context() -> None:
    pd = pd_of()
    assert pd.steps["trigger"]["event"] == {"to": "ann"}
    assert pd.context["run"]["runs"] == 1


def test_what_a_step_returns_is_its_return_value_beside_its_named_exports() -> None:
    """``pd.steps["name"]["$return_value"]``; ``pd.export(name, value)``: a named export of this step."""
    pd = pd_of()
    pd.export("rows", [1, 2])
    pd.export("$summary", "two rows")
    assert pd.exports({"n": 2}) == {"rows": [1, 2], "$summary": "two rows", "$return_value": {"n": 2}}


def test_none_makes_no_return_value() -> None:
    assert pd_of().exports(None) == {}


@pytest.mark.parametrize("value", [0, False, "", [], {}])
def test_any_other_value_does(value: object) -> None:
    assert pd_of().exports(value) == {"$return_value": value}


def test_an_export_is_kept_as_it_was_when_it_was_made() -> None:
    pd, rows = pd_of(), [1]
    pd.export("rows", rows)
    rows.append(2)
    assert pd.exports(None) == {"rows": [1]}
    left = pd.exports(rows)
    rows.append(3)
    assert left["$return_value"] == [1, 2]


def test_an_export_that_is_not_json_names_its_place() -> None:
    """Anything else fails the step with the path and type."""
    with pytest.raises(
        NotJSON, match=r'^steps\.load\.\$return_value\["rows"\]\[3\]: set is not JSON: write sorted\(x\)$'
    ):
        pd_of().exports({"rows": [0, 1, 2, set()]})
    with pytest.raises(NotJSON, match=r"^steps\.load\.chart: bytes is not JSON: write x"):
        pd_of().export("chart", b"")


@pytest.mark.parametrize("name", ["$return_value", "$resume_data"])
def test_the_exports_that_pdnb_makes_cannot_be_made_by_hand(name: str) -> None:
    with pytest.raises(ValueError, match="is made by pdnb"):
        pd_of().export(name, 1)


@pytest.mark.parametrize("name", ["", None, 3, b"x"])
def test_an_exports_name_is_a_text(name: Any) -> None:
    with pytest.raises(TypeError, match="the export's name is"):
        pd_of().export(name, 1)


def test_no_repr_shows_a_link() -> None:
    flow = Flow(LINKS)
    flow.suspend()
    for shown in (repr(flow), repr(pd_of(flow))):
        assert "http" not in shown
