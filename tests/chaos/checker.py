"""What must be true after the battle: the history, held against what is in the store.

An attempt of a step is placed by ``(position, runs)``; a run only moves on to greater places. Whatever shows that it
has moved on raises the run's *floor*: a body that starts below it has started after its checkpoint.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from pdnb.coordination.home import Home
from pdnb.model import Attempt, RunRecord, Status
from pdnb.owner_id import OwnerId
from tests.chaos import bodies
from tests.chaos.history import History, Record

_PLACE: TypeAlias = tuple[int, int]
_END: Final = (10**6, 0)
_WAITS: Final = {Status.SUSPENDED, Status.SLEEPING, Status.FAILED}
_OVER: Final = {Status.SUCCEEDED, Status.CANCELLED}


@dataclass
class Verdict:
    """What was found. ``violations``: law → a line for each breach; ``figures``: what was counted."""

    violations: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    figures: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)


LOST_RUN: Final = "a run was lost"
LOST_CHANGE: Final = "an acknowledged change was lost"
STARTED_AGAIN: Final = "a step was started after its checkpoint"
NO_END: Final = "a run did not reach an end"
TORN: Final = "what a step left is not what its body computed"
TWO_WINNERS: Final = "two requests won"
STORE: Final = "the store is not whole"
LAWS: Final = (LOST_RUN, LOST_CHANGE, STARTED_AGAIN, NO_END, TORN, TWO_WINNERS, STORE)


def check(directory: Path, history: History) -> Verdict:
    """Hold *history* against the store in *directory*."""
    verdict = Verdict()
    records, verdict.figures["torn records of the history"] = history.read()
    by_run: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if "run" in record:
            by_run[record["run"]].append(record)
        if record["what"] == "trouble":
            verdict.figures["looks that met a locked store"] += 1
    with Home(directory, kind="shell") as home:
        ids = _ids(home)
        for run_id in by_run.keys() - ids:
            verdict.violations[LOST_RUN].append(f"{run_id}: {by_run[run_id][0]}")
        for run_id in sorted(ids):
            _Checked(home, home.store.get(run_id), by_run[run_id], verdict).check()
        _check_store(home, verdict)
    verdict.figures["runs"] = len(ids)
    return verdict


def _ids(home: Home) -> set[str]:
    found: set[str] = set()
    cursor = None
    while True:
        page = home.store.list(limit=1_000, cursor=cursor)
        found |= {run.id for run in page.runs}
        if (cursor := page.next) is None:
            return found


def _check_store(home: Home, verdict: Verdict) -> None:
    with closing(sqlite3.connect(home.directory / "cache.db")) as con:
        ((answer,),) = con.execute("PRAGMA integrity_check").fetchall()
        keys = [key for (key,) in con.execute("SELECT key FROM Cache")]
    if answer != "ok":
        verdict.violations[STORE].append(str(answer))
    if left := [key for key in keys if key.startswith(("due/", "queue/"))]:
        verdict.violations[STORE].append(f"indexes of runs that are over: {left[:5]} ({len(left)})")
    left_behind = [path.name for path in (home.directory / "owners").iterdir() if home.owner not in path.name]
    verdict.figures["files left in owners/ by the dead"] = len(left_behind)


class _Checked:
    """One run, its part of the history, and what the store holds of it."""

    def __init__(self, home: Home, run: RunRecord, records: list[Record], verdict: Verdict) -> None:
        self._run = run
        self._records = records
        self._verdict = verdict
        self._attempts = {(a.position, a.runs): a for a in home.store.attempts(run.id)}
        self._exports = home.store.exports(run.id)

    def check(self) -> None:
        run = self._run
        self._verdict.ends[run.status] += 1
        if run.status not in _OVER:
            self._breach(NO_END, f"{run.status} at {run.step}/{run.runs}, {run.error or run.owner}")
        self._check_order()
        self._check_bodies()
        self._check_left()
        for record in self._records:
            if record["what"] == "started":
                self._verdict.figures["acknowledged starts"] += 1
                if self._exports["trigger"]["event"]["n"] != record["n"]:
                    self._breach(LOST_CHANGE, f"its event is another's: {record}")
            if record["what"] == "retry":
                self._verdict.figures["runs failed by three losses and retried"] += 1
                if not str(record["error"]).startswith("interrupted 3 times"):
                    self._breach(TORN, f"failed by something else: {record['error']}")
        self._check_answers()

    def _breach(self, law: str, text: str) -> None:
        self._verdict.violations[law].append(f"{self._run.id} ({self._run.workflow}): {text}")

    def _place(self, record: Record) -> _PLACE:
        return self._run.steps.index(record["step"]), record["runs"]

    # ---- in which order ----

    def _check_order(self) -> None:
        """No body starts below what the run had been seen to have come to."""
        floor, ceiling = (0, 1), _END
        why: object = "its start"
        for record in self._records:
            if "step" not in record:
                continue
            place, raised = self._place(record), (0, 0)
            if record["what"] == "start":
                if not floor <= place <= ceiling:
                    self._breach(STARTED_AGAIN, f"{record} after {why}")
                raised = place
            elif record["what"] == "seen":
                raised = _END if record["status"] in _OVER else _behind(place, record["status"] in _WAITS)
            elif record["what"] == "answered" and record["status"] == 200:
                raised = _END if record["purpose"] == "cancel" else _behind(place, True)
            elif record["what"] == "answered" and record["status"] == 202 and record["purpose"] == "cancel":
                ceiling = min(ceiling, place)
            if raised > floor:
                floor, why = raised, record

    # ---- what the bodies did ----

    def _check_bodies(self) -> None:
        """Every start belongs to an attempt; the last starter is the one whose result is stored."""
        starts: dict[_PLACE, list[Record]] = defaultdict(list)
        effects: dict[_PLACE, list[Record]] = defaultdict(list)
        for record in self._records:
            if record["what"] in ("start", "effect"):
                (starts if record["what"] == "start" else effects)[self._place(record)].append(record)
        figures = self._verdict.figures
        for place, records in starts.items():
            figures["step bodies started"] += len(records)
            figures["attempts"] += 1
            figures["attempts whose body ran again"] += len(records) > 1
            figures["most starts of one attempt"] = max(figures["most starts of one attempt"], len(records))
            key = f"{self._run.id}/{self._run.steps[place[0]]}/{place[1]}"
            if {record["key"] for record in records} != {key}:
                self._breach(TORN, f"another key than {key}: {records}")
            attempt = self._attempts.get(place)
            if attempt is None or attempt.ended_ms is None:
                if self._run.status is not Status.CANCELLED:
                    self._breach(LOST_CHANGE, f"{key} started and left no attempt")
            elif late := [record for record in records if record["at_ms"] > attempt.ended_ms]:
                self._breach(STARTED_AGAIN, f"after it had ended at {attempt.ended_ms}: {late}")
        for place, attempt in self._attempts.items():
            if attempt.ended_ms is not None and attempt.outcome != "lost":
                figures["checkpoints"] += 1
                self._check_winner(attempt, starts[place], effects[place])

    def _check_winner(self, attempt: Attempt, starts: list[Record], effects: list[Record]) -> None:
        owner = OwnerId.parse(attempt.owner or "")
        winner = owner.pid if owner else 0
        left = (attempt.exports.get("$return_value") or {}).get("digest")
        if [record["pid"] for record in starts[-1:]] != [winner]:
            self._breach(STARTED_AGAIN, f"{attempt.step}/{attempt.runs} is {attempt.owner}'s, last started: {starts}")
        if [(e["pid"], e["value"]) for e in effects[-1:]] != [(winner, left)] or len(
            {e["value"] for e in effects}
        ) != 1:
            self._breach(TORN, f"{attempt.step}/{attempt.runs} left {left} by {winner}, its bodies: {effects}")
        asked = [a for p, a in self._attempts.items() if p[0] == attempt.position and a.runs < attempt.runs]
        context = next((a.context for a in reversed(asked) if a.outcome == "rerun"), None)
        if effects and effects[-1]["context"] != context:
            self._breach(LOST_CHANGE, f"{attempt.step}/{attempt.runs} saw {effects[-1]['context']}, not {context}")

    # ---- what is there at the end ----

    def _check_left(self) -> None:
        """Each step left the digest of what those before it have left: nothing of it has changed since."""
        if self._run.status is Status.SUCCEEDED and self._run.workflow != "leave":
            missing = [step for step in self._run.steps if step not in self._exports]
            if missing:
                self._breach(LOST_CHANGE, f"succeeded without {missing}")
        for position, step in enumerate(self._run.steps[: self._run.position + 1]):
            ended = [a for p, a in self._attempts.items() if p[0] == position and a.ended_ms is not None]
            if not ended or ended[-1].outcome == "lost":
                continue
            before = {name: self._exports[name] for name in self._run.steps[:position] if name in self._exports}
            value = bodies.digest(self._exports["trigger"]["event"], step, ended[-1].runs, before)
            left = ended[-1].exports.get("$return_value")
            if left is None or left["digest"] != value:
                self._breach(TORN, f"{step}: {left}, and from what those before it left follows {value}")
            if step.startswith("mail") and [mail["text"] for mail in ended[-1].mails] != [str(value)]:
                self._breach(LOST_CHANGE, f"its outbox: {ended[-1].mails}")

    # ---- what was answered ----

    def _check_answers(self) -> None:
        won: Counter[_PLACE] = Counter()
        for record in self._records:
            if record["what"] != "answered" or record["status"] not in (200, 202):
                continue
            place = self._place(record)
            won[place] += 1
            self._verdict.figures[f"acknowledged {record['purpose']}s ({record['status']})"] += 1
            if record["purpose"] == "cancel":
                decided = self._run.decision
                if self._run.status is not Status.CANCELLED or decided is None or decided.via != "link":
                    self._breach(LOST_CHANGE, f"{record}, and the run is {self._run.status} by {decided}")
            else:
                self._check_resume(record, self._attempts.get(place))
        for place, count in won.items():
            if count > 1:
                self._breach(TWO_WINNERS, f"{count} at {place}")

    def _check_resume(self, record: Record, attempt: Attempt | None) -> None:
        """The body that was acknowledged is the one that is there, and it decided where there was a pause to end."""
        if attempt is None or attempt.request is None or attempt.request.get("body") != record["body"]:
            self._breach(LOST_CHANGE, f"{record}, and there is {attempt}")
            return
        decision = attempt.decision
        paused = record["status"] == 200 or attempt.pause is not None
        if paused and (decision is None or (decision.what, decision.via) != ("resumed", "link")):
            self._breach(LOST_CHANGE, f"{record}, and decided was {decision}")
        if attempt.outcome == "suspended":
            heard = self._exports[attempt.step].get("$resume_data", {}).get("body")
            if heard != record["body"]:
                self._breach(LOST_CHANGE, f"{record}, and $resume_data is {heard}")
        self._verdict.figures["kept and not needed: the step did not pause"] += not paused


def _behind(place: _PLACE, waits: bool) -> _PLACE:
    """The least place that may still start once the run was seen at *place*; *waits*: it had come through it."""
    return (place[0], place[1] + 1) if waits else place
