"""The two open routes: ``/pdnb/resume/<token>`` and ``/pdnb/cancel/<token>``. The link is the whole permission.

- GET shows a page with one button and acts on nothing (mail scanners and chat previews open every link), unless the
  author said ``confirm=False``; even then never before the step has ended. POST, PUT, PATCH and DELETE act. HEAD and
  OPTIONS never do.
- Unknown, damaged, forged: 404 with one constant body. Already resumed: 409. Cancelled, timed out, over: 410.
- No login, no cookie, no XSRF token (a caller has none), no CORS header, no redirect, any ``Host``.
- The body is read piece by piece up to a limit and a time; the token is taken out of the request before anything
  could log it.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any, ClassVar, Final

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler
from tornado import web
from tornado.http1connection import HTTP1Connection

from pdnb.errors import AlreadyResumed, BadAnswer, BadLink, Over, Refused, RunNotFound, StoreError, TooLate
from pdnb.forms.form_post import from_strings
from pdnb.links import Purpose, Target
from pdnb.model import JSON, Cancelled, Prompt, Resumed, RunRecord
from pdnb.request import MAX_BODY, BadBody, from_http
from pdnb.server import uploads
from pdnb.server.pages import LINK_CSP, NOT_FOUND_PAGE, Happened, confirm_page, problem_page, result_page
from pdnb.server.service import StoreService
from pdnb.server.uploads import Upload

#: A body up to the limit has to arrive within this many seconds.
BODY_S: Final = 15

#: A larger body is read to its end up to here, and thrown away: many clients listen only after they have spoken.
_DRAIN: Final = 8 * 1024 * 1024

#: An upload has to come at least this fast on average, in bytes a second.
_SLOWEST: Final = 64 * 1024

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


@web.stream_request_body
class LinkHandler(JupyterHandler):
    """One link, one attempt of one step."""

    SUPPORTED_METHODS: ClassVar[tuple[str, ...]] = (  # type: ignore[misc]  # tornado's is not declared as a class variable
        "GET", "HEAD", "POST", "DELETE", "PATCH", "PUT", "OPTIONS",
    )  # fmt: skip

    def initialize(self) -> None:
        """Before anything else: no log line, error or metric may ever show the token."""
        self._body = bytearray()
        self._size = 0
        self._upload: Upload | None = None
        self._uploads_to: Target | None = None
        self._began_s = 0.0
        self._whole = False
        self.request.uri = self.request.path = f"{self.base_url}pdnb/[link]"
        self.current_user = self._jupyter_current_user = None

    def set_default_headers(self) -> None:
        """Exactly these, and none of Jupyter's."""
        for name, value in _HEADERS.items():
            self.set_header(name, value)

    def compute_etag(self) -> None:
        """None: these answers are not to be kept."""

    def check_xsrf_cookie(self) -> None:
        """A caller from elsewhere has no cookie; the link is the permission."""

    async def prepare(self) -> None:  # type: ignore[override]
        """Not Jupyter's own, which would look for a user, set cookies and check the ``Host``."""
        connection = self.request.connection
        if isinstance(connection, HTTP1Connection):
            connection.set_body_timeout(BODY_S)
            connection.set_max_body_size(2**62)  # the limit is counted here, where it can be answered with 413
        if self._brings_upload():
            await self._begin_upload(self.path_args[1])
            return
        declared, asks = self._declared(), self.request.headers.get("Expect", "").lower() == "100-continue"
        if declared > (MAX_BODY if asks else _DRAIN):
            self._refuse_size()

    async def data_received(self, chunk: bytes) -> None:
        """A piece of the body; beyond the limit nothing is kept, and far beyond it the rest is not read."""
        if self._finished:
            return
        self._size += len(chunk)
        if self._upload is not None:
            await self._take(self._upload, chunk)
        elif self._size <= MAX_BODY:
            self._body += chunk
        else:
            self._body.clear()
            if self._size > _DRAIN:
                self._refuse_size()

    def decode_argument(self, value: bytes, name: str | None = None) -> str:  # noqa: ARG002  # tornado's signature
        """A token that is not even text is no link, and 404 like any other."""
        return value.decode(errors="replace")

    @allow_unauthenticated
    async def get(self, purpose: Purpose, token: str) -> None:
        """A page that asks; the link acts only if its author said ``confirm=False``."""
        found = await self._found(purpose, token)
        if found is None:
            return None
        target, run = found
        if run.pause is not None and not run.pause.confirm and (purpose == "cancel" or not run.pause.form):
            return await self._act(purpose, target)
        return self._confirm(purpose, run, await self._asked(target))

    @allow_unauthenticated
    async def post(self, purpose: Purpose, token: str) -> None:
        """Act."""
        target = self._target(purpose, token)
        if target is None:
            self._not_found()
        else:
            await self._act(purpose, target)

    put = patch = delete = post

    @allow_unauthenticated
    async def head(self, purpose: Purpose, token: str) -> None:
        """Never acts; the status that GET's page would have."""
        if await self._found(purpose, token) is not None:
            self.finish()

    @allow_unauthenticated
    async def options(self, purpose: Purpose, token: str) -> None:  # noqa: ARG002  # tornado passes them
        """Never acts and allows no other origin."""
        self.set_status(204)
        self.set_header("Allow", ", ".join(self.SUPPORTED_METHODS))
        self.clear_header("Content-Type")
        self.finish()

    async def _found(self, purpose: Purpose, token: str) -> tuple[Target, RunRecord] | None:
        """What the link is for and the run that waits for it; ``None``: there is no such thing, and it was said."""
        target = self._target(purpose, token)
        if target is None:
            self._not_found()
            return None
        store = self._service.home.store
        try:
            run, late = await self._service.call(store.look, target.run, target.step, target.runs)
        except RunNotFound:
            self._not_found()
        except StoreError:
            self._problem(503)
        else:
            if late is None:
                return target, run
            self._late(run, late)
        return None

    async def _act(self, purpose: Purpose, target: Target) -> None:
        """Apply the request, durably, then answer."""
        if self._size > MAX_BODY and self._upload is None:
            return self._refuse_size()
        self._whole = True
        try:
            event = self._event(purpose, target)
            if self._upload is not None and isinstance(event, Resumed):
                event.request["body"] = await asyncio.to_thread(self._upload.close)
            if isinstance(event, Resumed) and self._sends_form():
                await self._read_form(target, event)
            run = await self._service.apply(target.run, event)
        except BadBody as error:
            return self._problem(error.status, str(error))
        except RunNotFound:
            return self._not_found()
        except BadAnswer as error:
            run = await self._service.call(self._service.home.store.get, target.run)
            return self._correct(run, await self._asked(target), error, event)
        except Refused as error:
            run = await self._service.call(self._service.home.store.get, target.run)
            return self._late(run, error)
        except (StoreError, OSError):
            return self._problem(503)
        self._upload = None  # its files are the run's now
        after = None
        if purpose == "resume" and not self._wants_json(page_by_default=False):
            prompt = await self._asked(target)
            after = prompt.after if prompt is not None else None
        if run.early is not None:
            return self._answer(202, "kept", run, event.at_ms, after=after)
        return self._answer(200, "resumed" if purpose == "resume" else "cancelled", run, event.at_ms, after=after)

    async def _asked(self, target: Target) -> Prompt | None:
        """What people are asked there."""
        return await self._service.call(self._service.home.store.prompt, target.run, target.step, target.runs)

    async def _read_form(self, target: Target, event: Resumed) -> None:
        """Where the step asks with a form, what an HTML form sent means an answer to it."""
        prompt = await self._asked(target)
        if prompt is not None and prompt.form is not None:
            fields = event.request.get("body")
            event.request["body"] = from_strings(prompt.form, fields if isinstance(fields, dict) else {})

    def _sends_form(self) -> bool:
        """Whether the body is what an HTML form sends: strings."""
        kind = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return kind in {"application/x-www-form-urlencoded", "multipart/form-data"}

    def _event(self, purpose: Purpose, target: Target) -> Resumed | Cancelled:
        request = self.request
        now = self._service.home.clock()
        if purpose == "cancel":
            return Cancelled(now, target.step, target.runs, "link")
        data = from_http(
            method=request.method or "",
            url=f"{request.protocol}://{request.host}{request.uri}",
            path=request.path,
            query=request.query,
            headers=request.headers.get_all(),
            body=bytes(self._body),
            client_ip=request.remote_ip or "",
        )
        return Resumed(now, target.step, target.runs, "link", None, data)

    # ---- large bodies ----

    def _brings_upload(self) -> bool:
        acts = self.request.method in {"POST", "PUT", "PATCH", "DELETE"}
        return acts and self.path_args[:1] == ["resume"] and uploads.wanted(self.request.query, self.request.headers)

    async def _begin_upload(self, token: str) -> None:
        """Look at the link before a byte of the body is read; then open the files it goes to."""
        self.set_header("Connection", "close")  # if it ends here, nobody waits for the body
        found = await self._found("resume", token)
        if found is None:
            return None
        target, service = found[0], self._service
        if self._declared() > service.max_upload:
            return self._refuse_size(service.max_upload)
        if target in service.uploading:
            return self._problem(503)
        service.uploading.add(target)
        self._uploads_to = target
        try:
            self._upload = await asyncio.to_thread(
                uploads.begin, service.home.directory, target.run, self.request.query, self.request.headers
            )
        except BadBody as error:
            return self._problem(error.status, str(error))
        except OSError:
            return self._problem(503)
        self.clear_header("Connection")
        self._began_s = time.monotonic()
        if isinstance(self.request.connection, HTTP1Connection):
            most = self._declared() or service.max_upload
            self.request.connection.set_body_timeout(BODY_S + most / _SLOWEST)
            self._watch(self.request.connection)
        return None

    def _watch(self, connection: HTTP1Connection) -> None:
        """Close the connection once the upload is slower than it may be, also when nothing comes at all."""
        if self._upload is None or self._whole:
            return
        rest_s = self._began_s + max(BODY_S, self._size / _SLOWEST) - time.monotonic()
        if rest_s > 0:
            asyncio.get_running_loop().call_later(rest_s, self._watch, connection)
        else:
            connection.stream.close()

    async def _take(self, upload: Upload, chunk: bytes) -> None:
        """A piece of an upload, if it is not too large."""
        if self._size > self._service.max_upload:
            return self._refuse_size(self._service.max_upload)
        try:
            await asyncio.to_thread(upload.write, chunk)
        except BadBody as error:
            self._problem(error.status, str(error))
        except OSError:
            self._problem(503)
        return None

    def on_finish(self) -> None:
        """Whatever did not become the run's goes at once."""
        if self._uploads_to is not None:
            self._service.uploading.discard(self._uploads_to)
            self._uploads_to = None
        if self._upload is not None:
            self._upload.discard()
            self._upload = None

    def on_connection_close(self) -> None:
        """The sender went away: in the middle, or before it heard the answer to a body that counts all the same."""
        super().on_connection_close()
        if not self._whole:
            self.on_finish()

    # ---- answers ----

    def _confirm(self, purpose: Purpose, run: RunRecord, prompt: Prompt | None) -> None:
        if self._wants_json(page_by_default=True):
            document = {"status": str(run.status), "workflow": run.workflow, "step": run.step, "due_ms": run.due_ms}
            asks = {"asks": prompt.message if prompt else None, "form": prompt.form if prompt else None}
            self._send({**document, **asks, "message": f"POST to this URL to {purpose} the run"})
        else:
            self.finish(confirm_page(run, purpose, self._service.home.clock(), prompt))

    def _correct(self, run: RunRecord, prompt: Prompt | None, error: BadAnswer, event: Resumed | Cancelled) -> None:
        """Say what to correct; the page has what was filled in."""
        self.set_status(422)
        if self._wants_json(page_by_default=False):
            self._send({"status": "refused", "message": str(error), "problems": list(error.problems)})
        else:
            body = event.request.get("body") if isinstance(event, Resumed) else None
            fields = body if isinstance(body, dict) else {}
            # a file goes with the refusal, and where it was is nobody's business
            given: dict[str, JSON] = {name: it for name, it in fields.items() if not uploads.paths({name: it})}
            now_ms = self._service.home.clock()
            self.finish(confirm_page(run, "resume", now_ms, prompt, given=given, problems=error.problems))

    def _answer(
        self,
        status: int,
        happened: Happened,
        run: RunRecord,
        at_ms: int | None,
        *,
        late: Refused | None = None,
        after: str | None = None,
    ) -> None:
        self.set_status(status)
        if self._wants_json(page_by_default=False):
            message = happened if late is None else str(late)
            self._send({"status": happened, "at_ms": at_ms, "workflow": run.workflow, "message": message})
        else:
            via, by = (late.via, late.by) if isinstance(late, TooLate) else (None, None)
            self.finish(result_page(happened, run, self._service.home.clock(), at_ms, via=via, by=by, after=after))

    def _late(self, run: RunRecord, error: Refused) -> None:
        if isinstance(error, AlreadyResumed):
            return self._answer(409, "already resumed", run, error.at_ms, late=error)
        if isinstance(error, Over):
            return self._answer(410, _HAPPENED[error.what], run, error.at_ms, late=error)
        return self._answer(409, "over", run, None, late=error)

    def _not_found(self) -> None:
        self.set_status(404)
        if self._wants_json(page_by_default=False):
            self._send({"status": "not found", "message": _PROBLEMS[404]})
        else:
            self.finish(NOT_FOUND_PAGE)

    def _problem(self, status: int, message: str | None = None) -> None:
        self.set_status(status)
        if status == 503:
            self.set_header("Retry-After", "5")
        if self._wants_json(page_by_default=False):
            self._send({"status": "refused", "message": message or _PROBLEMS[status]})
        else:
            self.finish(problem_page(status))

    def _refuse_size(self, limit: int = MAX_BODY) -> None:
        self.set_header("Connection", "close")
        self._problem(413, f"the body is larger than {limit} bytes; nothing changed")

    def write_error(self, status_code: int, **_: Any) -> None:
        """Jupyter's error pages show paths and need a session; these are constant."""
        self._problem(status_code if status_code in _PROBLEMS else 500)

    def _send(self, document: dict[str, Any]) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(document))

    def _wants_json(self, *, page_by_default: bool) -> bool:
        accept = self.request.headers.get("Accept", "")
        if "text/html" in accept:
            return False
        return "application/json" in accept or not page_by_default

    def _declared(self) -> int:
        """The body's length as declared, in bytes; tornado refuses what is no number."""
        text = self.request.headers.get("Content-Length", "").partition(",")[0].strip()
        if len(text) > 18:
            return 2**62
        return int(text) if text.isdecimal() else 0

    def _target(self, purpose: Purpose, token: str) -> Target | None:
        try:
            return self._service.home.links.read(purpose, token)
        except BadLink:
            return None

    @property
    def _service(self) -> StoreService:
        service: StoreService = self.settings["pdnb_service"]
        return service


class NoLinkHandler(LinkHandler):
    """Whatever else begins like a link (doubled slashes, something behind the token): the same 404, unlogged."""

    def _target(self, purpose: Purpose, token: str) -> Target | None:  # noqa: ARG002  # there is none
        return None


LINK_HANDLERS = [
    (r"/pdnb/(resume|cancel)/([^/]+)", LinkHandler),
    (r"/+pdnb/+(resume|cancel)((?:/.*)?)", NoLinkHandler),
]
