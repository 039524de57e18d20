"""Base handler of the link routes: response headers, statuses and bodies, without login, cookies or CORS.

- Unknown, damaged, forged: 404 with one constant body. Already resumed: 409. Cancelled, timed out, over: 410.
- No login, no cookie, no XSRF token (a caller has none), no CORS header, no redirect, any ``Host``.
- The token is taken out of the request before anything could log it.
"""

from __future__ import annotations

import json
from typing import Any, Final

from jupyter_server.base.handlers import JupyterHandler

from pdnb.errors import AlreadyResumed, BadAnswer, BadLink, Over, Refused, RunNotFound, StoreError, TooLate
from pdnb.links import Purpose, Target
from pdnb.model import JSON, Prompt, RunRecord
from pdnb.request import MAX_BODY
from pdnb.server import uploads
from pdnb.server.pages import LINK_CSP, NOT_FOUND_PAGE, Happened, confirm_page, problem_page, result_page
from pdnb.server.service import StoreService

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": LINK_CSP,
    "Content-Type": "text/html; charset=UTF-8",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}

_PROBLEMS: Final = {
    400: "the body is not what its type says; nothing changed",
    404: "no such link",
    405: "this method does not act here",
    413: f"the body is larger than {MAX_BODY} bytes; nothing changed",
    415: "this form of content is not understood; nothing changed",
    500: "something went wrong on the server; nothing changed",
    503: "not just now; nothing changed, try again",
}

_HAPPENED: Final[dict[str, Happened]] = {
    "cancelled": "already cancelled",
    "timed out": "timed out",
    "elapsed": "elapsed",
    "over": "over",
}


class LinkAnswers(JupyterHandler):
    """A handler of one link that knows how to answer. Subclasses read bodies and act."""

    def initialize(self) -> None:
        """Before anything else: no log line, error or metric may ever show the token."""
        self.request.uri = self.request.path = f"{self.base_url}pdnb/[link]"
        self.current_user = self._jupyter_current_user = None

    def set_default_headers(self) -> None:
        """Exactly these, and none of Jupyter's."""
        for name, value in _HEADERS.items():
            self.set_header(name, value)

    def compute_etag(self) -> None:
        """None: nothing is to cache these answers."""

    def check_xsrf_cookie(self) -> None:
        """A caller from elsewhere has no cookie; the link is the permission."""

    def decode_argument(self, value: bytes, name: str | None = None) -> str:  # noqa: ARG002  # tornado's signature
        """A token that is not even text is no link, and 404 like any other."""
        return value.decode(errors="replace")

    def write_error(self, status_code: int, **_: Any) -> None:
        """Jupyter's error pages show paths and need a session; these are constant."""
        self.answer_problem(status_code if status_code in _PROBLEMS else 500)

    @property
    def service(self) -> StoreService:
        """The server's side of the store."""
        service: StoreService = self.settings["pdnb_service"]
        return service

    # ---- reading the link ----

    def target(self, purpose: Purpose, token: str) -> Target | None:
        """What the link is for; ``None`` when it is no link."""
        try:
            return self.service.home.links.read(purpose, token)
        except BadLink:
            return None

    async def open_attempt(self, purpose: Purpose, token: str) -> tuple[Target, RunRecord] | None:
        """What the link is for, and its run, when a request would not come too late; else the answer is sent."""
        target = self.target(purpose, token)
        if target is None:
            self.answer_not_found()
            return None
        store = self.service.home.store
        try:
            run, late = await self.service.call(store.would_refuse, target.run, target.step, target.runs)
        except RunNotFound:
            self.answer_not_found()
        except StoreError:
            self.answer_problem(503)
        else:
            if late is None:
                return target, run
            self.answer_late(run, late)
        return None

    async def prompt(self, target: Target) -> Prompt | None:
        """What people are asked there."""
        return await self.service.call(self.service.home.store.prompt, target.run, target.step, target.runs)

    # ---- answers ----

    def answer_confirm(self, purpose: Purpose, run: RunRecord, prompt: Prompt | None) -> None:
        """A page with a button that acts, or what it would say as JSON."""
        if self.wants_json(page_by_default=True):
            document = {"status": str(run.status), "workflow": run.workflow, "step": run.step, "due_ms": run.due_ms}
            asks = {"asks": prompt.message if prompt else None, "form": prompt.form if prompt else None}
            self._send({**document, **asks, "message": f"POST to this URL to {purpose} the run"})
        else:
            self.finish(confirm_page(run, purpose, self.service.home.clock(), prompt))

    def answer_done(self, status: int, happened: Happened, run: RunRecord, at_ms: int, after: str | None) -> None:
        """The request counts. *after*: what its author wants people to read or to open then."""
        self.set_status(status)
        if self.wants_json(page_by_default=False):
            self._send({"status": happened, "at_ms": at_ms, "workflow": run.workflow, "message": happened})
        else:
            self.finish(result_page(happened, run, self.service.home.clock(), at_ms, after=after))

    def answer_correct(self, run: RunRecord, prompt: Prompt | None, error: BadAnswer, body: JSON) -> None:
        """What is wrong with *body*; the page shows what was filled in."""
        self.set_status(422)
        if self.wants_json(page_by_default=False):
            self._send({"status": "refused", "message": str(error), "problems": list(error.problems)})
        else:
            fields = body if isinstance(body, dict) else {}
            # a refused file is removed, and its path is not for the sender
            given: dict[str, JSON] = {name: it for name, it in fields.items() if not uploads.paths({name: it})}
            now_ms = self.service.home.clock()
            self.finish(confirm_page(run, "resume", now_ms, prompt, given=given, problems=error.problems))

    def answer_late(self, run: RunRecord, error: Refused) -> None:
        """Why the request comes too late, and what happened when."""
        happened: Happened = "over"
        if isinstance(error, AlreadyResumed):
            happened = "already resumed"
        elif isinstance(error, Over):
            happened = _HAPPENED[error.what]
        at_ms = error.at_ms if isinstance(error, AlreadyResumed | Over) else None
        self.set_status(410 if isinstance(error, Over) else 409)
        if self.wants_json(page_by_default=False):
            self._send({"status": happened, "at_ms": at_ms, "workflow": run.workflow, "message": str(error)})
        else:
            via, by = (error.via, error.by) if isinstance(error, TooLate) else (None, None)
            self.finish(result_page(happened, run, self.service.home.clock(), at_ms, via=via, by=by))

    def answer_not_found(self) -> None:
        """The one constant body of whatever is no link."""
        self.set_status(404)
        if self.wants_json(page_by_default=False):
            self._send({"status": "not found", "message": _PROBLEMS[404]})
        else:
            self.finish(NOT_FOUND_PAGE)

    def answer_problem(self, status: int, message: str | None = None) -> None:
        """A request that cannot be taken; nothing has changed. *message* is for JSON."""
        self.set_status(status)
        if status == 503:
            self.set_header("Retry-After", "5")
        if self.wants_json(page_by_default=False):
            self._send({"status": "refused", "message": message or _PROBLEMS[status]})
        else:
            self.finish(problem_page(status))

    def answer_too_large(self, limit: int = MAX_BODY) -> None:
        """A body of more than *limit* bytes; the rest of it is not read."""
        self.set_header("Connection", "close")
        self.answer_problem(413, f"the body is larger than {limit} bytes; nothing changed")

    def wants_json(self, *, page_by_default: bool) -> bool:
        """Whether the caller asks for JSON rather than for a page."""
        accept = self.request.headers.get("Accept", "")
        if "text/html" in accept:
            return False
        return "application/json" in accept or not page_by_default

    def _send(self, document: dict[str, Any]) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(document))
