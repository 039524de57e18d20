"""Testing one step at a time: no run is stored or listed, and nothing pauses.

A test runs the step's code for real and keeps its exports for the tests of later steps. Where the step asks to pause,
the pause is not made and the test says so in the words of Pipedream's documentation. With a resume handed in, the
step's exports hold it as ``$resume_data`` (a rerun runs a second time with it as ``callback_request``), so that what
comes after a pause can be built and tested too.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from pdnb.codec import checked
from pdnb.coordination.home import now_ms
from pdnb.model import JSON
from pdnb.request import from_person
from pdnb.runtime.execute import Execution, HereExecutor
from pdnb.runtime.flow import Flow, URLs
from pdnb.runtime.send import MailSettings, Send
from pdnb.runtime.step_object import Pd, make_context
from pdnb.workflow.version import WorkflowVersion

_MESSAGE = "Workflow execution canceled — this may be due to pd.flow.{call}() usage (not supported in test)"


@dataclass(frozen=True)
class StepTestResult:
    """The result of testing one step. ``message`` says that it asked to pause; ``error`` is what it raised."""

    step: str
    exports: dict[str, JSON]
    outputs: tuple[dict[str, JSON], ...]
    mails: tuple[dict[str, JSON], ...]
    message: str | None
    error: BaseException | None

    def __repr__(self) -> str:
        message = f"\n{self.message}" if self.message else ""
        return f"tested {self.step}: {self.exports!r}{message}"


@dataclass
class StepTest:
    """The test exports of one workflow, by step. *mail* says where ``pd.send`` sends."""

    mail: MailSettings = field(default_factory=MailSettings)
    event: JSON = None
    exports: dict[str, dict[str, JSON]] = field(default_factory=dict)

    def test(
        self,
        version: WorkflowVersion,
        before: Sequence[str],
        *,
        resume_with: tuple[JSON] | None = None,
        show: bool = False,
    ) -> StepTestResult:
        """Test the one step of *version*, behind the steps *before*.

        *resume_with* holds the body of the request that a pause would have received.
        """
        [step] = version.names
        request = None if resume_with is None else from_person("magic", None, *resume_with)
        pd, execution = self._once(version, before, {"runs": 1}, show=show)
        asked, mails, message = pd.flow.wanted, pd.send.end(), None
        if request is not None and asked == "rerun" and execution.error is None:
            second = {"runs": 2, "context": pd.flow.context, "callback_request": request}
            pd, execution = self._once(version, before, second, show=show)
            asked, mails, request = pd.flow.wanted, mails + pd.send.end(), None
        exports, error = execution.exports, execution.error
        if asked is not None and error is None:
            if request is None:
                message = _MESSAGE.format(call=asked)
            elif asked == "suspend":
                exports = {**exports, "$resume_data": request}
        if error is None:
            self.exports[step] = exports
        return StepTestResult(step, exports, execution.outputs, mails, message, error)

    def _once(
        self, version: WorkflowVersion, before: Sequence[str], run: dict[str, JSON], *, show: bool
    ) -> tuple[Pd, Execution]:
        [step] = version.names
        earlier = json.dumps({n: self.exports[n] for n in before if n in self.exports})
        event = json.loads(checked(self.event, 'steps.trigger["event"]'))  # copied and checked as a run does
        steps = {"trigger": {"event": event}, **json.loads(earlier)}
        key = f"test-{secrets.token_hex(4)}"
        context = make_context(
            version.name,
            version.id,
            wake_up=key,
            trace_id=key,
            at_ms=now_ms(),
            test=True,
            resume=False,
            run={**run, "key": f"{key}/{step}/{run['runs']}"},
        )
        urls = URLs(resume_url="http://localhost/pdnb/resume/test", cancel_url="http://localhost/pdnb/cancel/test")
        pd = Pd(step, Flow(urls), Send(self.mail), steps, context)
        with HereExecutor(version, show=show) as executor:
            return pd, executor.execute(step, pd)
