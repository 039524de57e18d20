"""What the steps of the chaos runs do: a little work, a record at its start and one at its effect, then what they ask.

What a step returns is a digest of all that it saw, so that the checker can say what it must be.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
import zlib
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pdnb.links import Target
from pdnb.model import RunRecord
from pdnb.workflow.definition import Step
from pdnb.workflow.version import Environment, WorkflowVersion
from tests.chaos import strike
from tests.chaos.history import History

if TYPE_CHECKING:
    from pdnb.runtime.step_object import Pd

SETUP: Final = "from tests.chaos import bodies"

#: Workflows by name; a step's name says what it does (its first word) and tells it from its like.
WORKFLOWS: Final = {
    "gate": ("plain_1", "gate_1", "plain_2", "mail_1"),
    "again": ("again_1", "plain_1", "again_2", "plain_2"),
    "nap": ("plain_1", "nap_1", "plain_2", "nap_2", "plain_3"),
    "early": ("early_1", "plain_1", "gate_1", "plain_2"),
    "leave": ("plain_1", "soon_1", "leave_1", "plain_2"),
    "plain": tuple(f"plain_{i}" for i in range(1, 7)),
}

_WORK_MS: Final = 20
_LONG: Final = 600_000


def source(step: str) -> str:
    """The cell of *step*."""
    return f"def handler(pd):\n    return bodies.{step.partition('_')[0]}(pd)"


def version(name: str) -> WorkflowVersion:
    """The workflow called *name*, as this process would start it."""
    path = tuple(os.path.abspath(entry) for entry in sys.path)  # noqa: PTH100  # text is what is stored
    where = Environment(sys.executable, os.getcwd(), path)  # noqa: PTH109
    return WorkflowVersion(name, tuple(Step(step, source(step)) for step in WORKFLOWS[name]), (SETUP,), where)


def digest(event: Any, step: str, runs: int, before: dict[str, Any]) -> int:
    """What attempt *runs* of *step* returns, given the run's event and what earlier steps have left."""
    return zlib.crc32(json.dumps([event, step, runs, before], sort_keys=True).encode())


def chance(*words: object) -> int:
    """0 to 99, the same for the same words."""
    return zlib.crc32(repr(words).encode()) % 100


def target(run: RunRecord) -> Target:
    """What the links of the present attempt are for."""
    return Target(run.id, run.step, run.runs)


def plain(pd: Pd) -> Any:
    with strike.at("a step's body"):
        event = pd.steps["trigger"]["event"]
        history = History(event["history"])
        run, step, runs = pd.context["run"]["key"].split("/")
        where = {"run": run, "step": step, "runs": int(runs), "key": pd.context["run"]["key"]}
        history.add("start", **where)
        names = WORKFLOWS[pd.context["workflow_name"]]
        before = {name: left for name, left in pd.steps.items() if name in names[: names.index(step)]}
        value = digest(event, step, int(runs), before)
        time.sleep(value % _WORK_MS / 1000)
        called = pd.context["run"].get("callback_request", {}).get("body")
        history.add("effect", **where, value=value, context=pd.context["run"].get("context"), called=called)
        return {"digest": value, "called": called}


def gate(pd: Pd) -> Any:
    pd.flow.suspend(_LONG)
    return plain(pd)


def soon(pd: Pd) -> Any:
    pd.flow.suspend(300, on_timeout="resume")
    return plain(pd)


def early(pd: Pd) -> Any:
    """The job calls back before the step has ended."""
    url = pd.flow.suspend(_LONG)["resume_url"]
    left = plain(pd)
    run, step, runs = pd.context["run"]["key"].split("/")
    history = History(pd.steps["trigger"]["event"]["history"])
    with strike.at("a step's body"):
        ask(history, "resume", url, (run, step, int(runs)))
    return left


def again(pd: Pd) -> Any:
    runs = int(pd.context["run"]["runs"])
    long = chance(pd.context["run"]["key"]) < 20
    if (pd.context["run"].get("context") or {}).get("times", 0) < 2:
        times = (pd.context["run"].get("context") or {}).get("times", 0) + 1
        pd.flow.rerun(2_000 if long else 20, context={"times": times, "runs": runs})
    return plain(pd)


def nap(pd: Pd) -> Any:
    pd.flow.delay(2_000 if chance(pd.context["run"]["key"]) < 20 else 30)
    return plain(pd)


def mail(pd: Pd) -> Any:
    left = plain(pd)
    pd.send.email("done", text=str(left["digest"]), to="team@example.org")
    return left


def leave(pd: Pd) -> Any:
    pd.flow.exit("enough")
    return plain(pd)


def ask(history: History, purpose: str, url: str, which: tuple[str, str, int]) -> int | None:
    """POST to a link, and keep what was asked and what was answered; ``None``: no answer came."""
    run, step, runs = which
    body = {"from": os.getpid(), "at": time.monotonic_ns()}
    where = {"purpose": purpose, "run": run, "step": step, "runs": runs, "body": body}
    history.add("asked", **where)
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    try:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Connection": "close"}
        connection.request("POST", parts.path, json.dumps(body), headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    history.add("answered", **where, status=answer.status)
    return answer.status
