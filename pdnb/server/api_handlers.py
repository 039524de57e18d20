"""The API behind Jupyter's login: list runs, read one, resume, cancel or retry it.

Handlers decode, call and encode. A decision names the step and the attempt (``runs``) that were on display; if the run
has moved on, the answer is 409 and nothing changes. Described in ``openapi.yaml``.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import wraps
from importlib import metadata
from typing import Any, ParamSpec, TypeVar

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from pdnb import client
from pdnb.codec import SCHEMA
from pdnb.decisions import Action, answer_from_fields, decide
from pdnb.errors import AlreadyResumed, BadAnswer, MovedOn, NotJSON, Over, Refused, RunNotFound, StoreError
from pdnb.links import redact
from pdnb.model import JSON, RunRecord, Status
from pdnb.request import MAX_BODY, NO_BODY, BadBody, parse_body
from pdnb.server.service import StoreService
from pdnb.views import documents

_P = ParamSpec("_P")
_T = TypeVar("_T")

_VIAS = ("api", "card", "panel", "inbox", "shell")


class PdnbAPIHandler(APIHandler):
    """What the handlers of the API share."""

    auth_resource = "pdnb"
    _track_activity = False  # a card that asks every second does not keep a server from being idle

    @property
    def service(self) -> StoreService:
        """The server's side of the store."""
        service: StoreService = self.settings["pdnb_service"]
        return service

    def answer(self, value: JSON) -> None:
        """Send JSON; tornado adds the ETag and answers 304."""
        self.set_header("Cache-Control", "no-cache")
        self.finish(json.dumps(value))

    async def detail(self, run: RunRecord) -> dict[str, JSON]:
        """The run with its exports and attempts."""
        return await self.service.call(client.document, self.service.home, run)


def errors_as_http(method: Callable[_P, Awaitable[_T]]) -> Callable[_P, Awaitable[_T]]:
    """Turn pdnb's errors into HTTP errors: one line each, without paths of this machine and without tokens."""

    @wraps(method)
    async def inner(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return await method(*args, **kwargs)
        except (AlreadyResumed, MovedOn) as error:
            raise _http(409, error) from None
        except Over as error:
            raise _http(410, error) from None
        except Refused as error:
            raise _http(409, error) from None
        except RunNotFound as error:
            raise _http(404, error) from None
        except (NotJSON, ValueError) as error:
            raise _http(400, error) from None
        except StoreError:
            raise web.HTTPError(503, "the store cannot be used just now: try again") from None

    return inner


def _http(status: int, error: Exception) -> web.HTTPError:
    return web.HTTPError(status, redact(str(error)))


class RunsHandler(PdnbAPIHandler):
    """``GET /pdnb/api/runs[?status=&workflow=&limit=&cursor=]``."""

    @web.authenticated
    @authorized
    @errors_as_http
    async def get(self) -> None:
        """A page of runs, newest first."""
        names = self.get_query_arguments("status")
        unknown = [name for name in names if name not in set(Status)]
        if unknown:
            raise web.HTTPError(400, f"no such status: use {', '.join(Status)}")
        limit = self.get_query_argument("limit", "50")
        if not limit.isdecimal() or len(limit) > 4 or not 1 <= int(limit) <= 1_000:
            raise web.HTTPError(400, "limit is a number from 1 to 1000")
        cursor = self.get_query_argument("cursor", None)
        page = await self.service.call(
            self.service.home.store.list,
            statuses=[Status(name) for name in names] or None,
            workflow=self.get_query_argument("workflow", None),
            limit=int(limit),
            cursor=cursor,
        )
        self.answer({"runs": [documents.summary(run) for run in page.runs], "next": page.next})


class RunHandler(PdnbAPIHandler):
    """``GET /pdnb/api/runs/<id>``."""

    @web.authenticated
    @authorized
    @errors_as_http
    async def get(self, run_id: str) -> None:
        """One run, with exports and attempts."""
        run = await self.service.call(self.service.home.store.get, run_id)
        self.answer(await self.detail(run))


class LinksHandler(PdnbAPIHandler):
    """``GET /pdnb/api/runs/<id>/links``: for the copy button; the only answer that holds working links."""

    @web.authenticated
    @authorized
    @errors_as_http
    async def get(self, run_id: str) -> None:
        """The links of the present attempt, or ``null`` when the run is over."""
        home = self.service.home
        run = await self.service.call(home.store.get, run_id)
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(client.links(home, run)))


class DecisionHandler(PdnbAPIHandler):
    """``POST /pdnb/api/runs/<id>/resume``, ``…/cancel`` and ``…/retry``."""

    @web.authenticated
    @authorized
    @errors_as_http
    async def post(self, run_id: str, action: Action) -> None:
        """Resume, cancel or retry the attempt that was on display."""
        if len(self.request.body) > MAX_BODY:
            raise web.HTTPError(413, f"send at most {MAX_BODY} bytes")
        try:
            given = parse_body(self.request.body, self._json_headers())
        except BadBody as error:
            raise _http(400, error) from None
        given = {} if given is NO_BODY or given is None else given
        if not isinstance(given, dict):
            raise web.HTTPError(400, 'send {"step": …, "runs": …}')
        step, runs, via = given.get("step"), given.get("runs"), given.get("via", "api")
        if not isinstance(step, str) or type(runs) is not int:
            raise web.HTTPError(400, 'say which attempt you mean: {"step": "…", "runs": 1}')
        if via not in _VIAS:
            raise web.HTTPError(400, f"via is one of {', '.join(_VIAS)}")
        by, now_ms, home = self._user_name(), self.service.home.clock(), self.service.home
        body, reason = given.get("body"), given.get("reason")
        if action == "resume" and (fields := given.get("fields")) is not None:
            body = answer_from_fields(await self.service.call(home.store.prompt, run_id, step, runs), fields)
        if action == "cancel" and not isinstance(reason, str | None):
            raise web.HTTPError(400, "reason is a text")
        try:
            event = decide(action, step, runs, at_ms=now_ms, via=via, by=by, body=body, reason=reason)
            run = await self.service.apply(run_id, event)
        except BadAnswer as error:
            self.set_status(422)
            self.answer({"message": redact(str(error)), "problems": [redact(text) for text in error.problems]})
            return
        if run.early is not None:
            self.set_status(202)
        self.answer(await self.detail(run))

    def _json_headers(self) -> dict[str, str]:
        """What says how the body is written; that it is JSON is clear here."""
        headers = self.request.headers
        _, _, parameters = headers.get("Content-Type", "").partition(";")
        encoding = headers.get("Content-Encoding", "")
        return {"content-type": f"application/json;{parameters}", "content-encoding": encoding}

    def _user_name(self) -> str | None:
        user: Any = self.current_user
        return (user.display_name or user.name or user.username)[:100] if user else None


class InfoHandler(PdnbAPIHandler):
    """``GET /pdnb/api/info``."""

    @web.authenticated
    @authorized
    @errors_as_http
    async def get(self) -> None:
        """Versions, and how many runs have each status."""
        counts = await self.service.call(self.service.home.store.counts)
        self.answer(
            {"version": metadata.version("pdnb"), "schema": SCHEMA, "counts": {str(s): n for s, n in counts.items()}}
        )


_ID = r"([0-9a-z]{20})"

API_HANDLERS: list[tuple[str, type[PdnbAPIHandler]]] = [
    (r"/pdnb/api/runs", RunsHandler),
    (rf"/pdnb/api/runs/{_ID}", RunHandler),
    (rf"/pdnb/api/runs/{_ID}/links", LinksHandler),
    (rf"/pdnb/api/runs/{_ID}/(resume|cancel|retry)", DecisionHandler),
    (r"/pdnb/api/info", InfoHandler),
]
