"""The two open routes: ``/pdnb/resume/<token>`` and ``/pdnb/cancel/<token>``. The link is the whole permission.

- GET shows a page with one button and acts on nothing (mail scanners and chat previews open every link), unless the
  step passed ``confirm=False``; even then never before the step has ended.
- POST, PUT, PATCH and DELETE act. HEAD and OPTIONS never do.

How they answer stands in :mod:`pdnb.server.link_answers`, how they read a body in :mod:`pdnb.server.link_bodies`.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from jupyter_server.auth.decorator import allow_unauthenticated
from tornado import web

from pdnb.decisions import answer_from_fields, decide
from pdnb.errors import BadAnswer, Refused, RunNotFound, StoreError
from pdnb.forms.fields import form_names
from pdnb.links import Purpose, Target
from pdnb.model import JSON
from pdnb.request import NO_BODY, BadBody, from_http
from pdnb.server.link_bodies import LinkBodies


@web.stream_request_body
class LinkHandler(LinkBodies):
    """One link: one attempt of one step, to be resumed or cancelled."""

    SUPPORTED_METHODS: ClassVar[tuple[str, ...]] = (  # type: ignore[misc]  # tornado's is not declared as a class variable
        "GET", "HEAD", "POST", "DELETE", "PATCH", "PUT", "OPTIONS",
    )  # fmt: skip

    @allow_unauthenticated
    async def get(self, purpose: Purpose, token: str) -> None:
        """The confirmation page; the link acts only if its step passed ``confirm=False``."""
        found = await self.open_attempt(purpose, token)
        if found is None:
            return None
        target, run = found
        if run.pause is not None and not run.pause.confirm and (purpose == "cancel" or not run.pause.form):
            return await self._act(purpose, target)
        return self.answer_confirm(purpose, run, await self.prompt(target))

    @allow_unauthenticated
    async def post(self, purpose: Purpose, token: str) -> None:
        """Act."""
        target = self.target(purpose, token)
        if target is None:
            self.answer_not_found()
        else:
            await self._act(purpose, target)

    put = patch = delete = post

    @allow_unauthenticated
    async def head(self, purpose: Purpose, token: str) -> None:
        """Never acts; the status that GET's page would have."""
        if await self.open_attempt(purpose, token) is not None:
            self.finish()

    @allow_unauthenticated
    async def options(self, purpose: Purpose, token: str) -> None:  # noqa: ARG002  # tornado passes them
        """Never acts and allows no other origin."""
        self.set_status(204)
        self.set_header("Allow", ", ".join(self.SUPPORTED_METHODS))
        self.clear_header("Content-Type")
        self.finish()

    async def _act(self, purpose: Purpose, target: Target) -> None:
        """Apply the request, durably, then answer."""
        if self.too_large:
            return self.answer_too_large()
        self.acting = True
        request: dict[str, JSON] | None = None
        try:
            if purpose == "resume":
                request = await self._request(target)
            now_ms = self.service.home.clock()
            event = decide(purpose, target.step, target.runs, at_ms=now_ms, via="link", request=request)
            run = await self.service.apply(target.run, event)
        except BadBody as error:
            return self.answer_problem(error.status, str(error))
        except RunNotFound:
            return self.answer_not_found()
        except BadAnswer as error:
            run = await self.service.call(self.service.home.store.get, target.run)
            return self.answer_correct(run, await self.prompt(target), error, (request or {}).get("body"))
        except Refused as error:
            run = await self.service.call(self.service.home.store.get, target.run)
            return self.answer_late(run, error)
        except (StoreError, OSError):
            return self.answer_problem(503)
        self.upload = None  # its files belong to the run now
        after = None
        if purpose == "resume" and not self.wants_json(page_by_default=False):
            prompt = await self.prompt(target)
            after = prompt.after if prompt is not None else None
        if run.early is not None:
            return self.answer_done(202, "kept", run, event.at_ms, after)
        return self.answer_done(200, "resumed" if purpose == "resume" else "cancelled", run, event.at_ms, after)

    async def _request(self, target: Target) -> dict[str, JSON]:
        """The HTTP event that the workflow receives; its ``body`` names uploaded files, or is what form fields mean.

        Raises ``BadBody``, ``RunNotFound``, ``StoreError`` or ``OSError``; whether it can be kept is checked later.
        """
        request = self.request
        prompt = await self.prompt(target) if self._sends_form() else None
        form = prompt.form if prompt is not None else None
        asked = () if form is None else form_names(form)
        event = from_http(
            method=request.method or "",
            url=f"{request.protocol}://{request.host}{request.uri}",
            path=request.path,
            query=request.query,
            headers=request.headers.get_all(),
            body=bytes(self.body),
            client_ip=request.remote_ip or "",
            asked=asked,
        )
        if self.upload is not None:
            uploaded = await asyncio.to_thread(self.upload.close, asked)
            event |= {} if uploaded is NO_BODY else {"body": uploaded}
        if form is not None:
            fields = event.get("body")
            event["body"] = answer_from_fields(prompt, fields if isinstance(fields, dict) else {})
        return event

    def _sends_form(self) -> bool:
        """Whether the body is what an HTML form sends: strings."""
        kind = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return kind in {"application/x-www-form-urlencoded", "multipart/form-data"}


class NoLinkHandler(LinkHandler):
    """Other URLs under ``/pdnb/resume`` and ``/pdnb/cancel``: the same 404, not logged."""

    def target(self, purpose: Purpose, token: str) -> Target | None:  # noqa: ARG002  # there is none
        """No link."""
        return None


LINK_HANDLERS = [
    (r"/pdnb/(resume|cancel)/([^/]+)", LinkHandler),
    (r"/+pdnb/+(resume|cancel)((?:/.*)?)", NoLinkHandler),
]
