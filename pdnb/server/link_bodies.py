"""Bodies of requests to a link: read piece by piece, up to a limit and a time; uploads go to disk.

- A body up to ``MAX_BODY`` is kept in memory; of a larger one nothing is kept.
- An upload (:mod:`pdnb.server.uploads`) begins only when the link is good, one per link at a time, and has to come at a
  minimum speed. Its files stay only if the request counts.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from tornado.http1connection import HTTP1Connection

from pdnb.links import Target
from pdnb.request import MAX_BODY, BadBody
from pdnb.server import uploads
from pdnb.server.link_answers import LinkAnswers
from pdnb.server.upload_files import Upload

#: A body up to the limit has to arrive within this many seconds.
BODY_S: Final = 15

#: A larger body is read to its end up to here, and thrown away: many clients listen only after they have sent it.
_DRAIN: Final = 8 * 1024 * 1024

#: An upload has to come at least this fast on average, in bytes a second.
_MIN_SPEED: Final = 64 * 1024


class LinkBodies(LinkAnswers):
    """A handler that has read its request's body: ``body`` in memory, or ``upload`` on disk.

    Subclasses set ``acting`` once the body is whole and they act on it, and take an upload away (``upload = None``)
    when its files belong to the run.
    """

    def initialize(self) -> None:
        """Nothing has been read."""
        super().initialize()
        self.body = bytearray()
        self.upload: Upload | None = None
        self.acting = False
        self._size = 0
        self._uploads_to: Target | None = None
        self._began_s = 0.0

    async def prepare(self) -> None:  # type: ignore[override]
        """Not Jupyter's own, which would look for a user, set cookies and check the ``Host``."""
        connection = self.request.connection
        if isinstance(connection, HTTP1Connection):
            connection.set_body_timeout(BODY_S)
            connection.set_max_body_size(2**62)  # the limit is counted here, where it can be answered with 413
        if self._brings_upload():
            await self._begin_upload(self.path_args[1])
            return
        expects_go_ahead = self.request.headers.get("Expect", "").lower() == "100-continue"
        if self._declared_size() > (MAX_BODY if expects_go_ahead else _DRAIN):
            self.answer_too_large()

    async def data_received(self, chunk: bytes) -> None:
        """A piece of the body; beyond the limit nothing is kept, and far beyond it the rest is not read."""
        if self._finished:
            return
        self._size += len(chunk)
        if self.upload is not None:
            await self._write(self.upload, chunk)
        elif self._size <= MAX_BODY:
            self.body += chunk
        else:
            self.body.clear()
            if self._size > _DRAIN:
                self.answer_too_large()

    @property
    def too_large(self) -> bool:
        """Whether the body was larger than may be kept in memory, and is no upload."""
        return self._size > MAX_BODY and self.upload is None

    def on_finish(self) -> None:
        """Remove the files of an upload that does not belong to the run."""
        if self._uploads_to is not None:
            self.service.uploading.discard(self._uploads_to)
            self._uploads_to = None
        if self.upload is not None:
            self.upload.discard()
            self.upload = None

    def on_connection_close(self) -> None:
        """The sender went away: in the middle, or before it got the answer to a body that counts all the same."""
        super().on_connection_close()
        if not self.acting:
            self.on_finish()

    def _brings_upload(self) -> bool:
        acts = self.request.method in {"POST", "PUT", "PATCH", "DELETE"}
        return acts and self.path_args[:1] == ["resume"] and uploads.wanted(self.request.query, self.request.headers)

    async def _begin_upload(self, token: str) -> None:
        """Look at the link before a byte of the body is read; then open the files it goes to."""
        self.set_header("Connection", "close")  # if it ends here, the body is not read
        found = await self.open_attempt("resume", token)
        if found is None:
            return None
        target, service = found[0], self.service
        if self._declared_size() > service.max_upload:
            return self.answer_too_large(service.max_upload)
        if target in service.uploading:
            return self.answer_problem(503)
        service.uploading.add(target)
        self._uploads_to = target
        try:
            self.upload = await asyncio.to_thread(
                uploads.begin, service.home.directory, target.run, self.request.query, self.request.headers
            )
        except BadBody as error:
            return self.answer_problem(error.status, str(error))
        except OSError:
            return self.answer_problem(503)
        self.clear_header("Connection")
        self._began_s = time.monotonic()
        if isinstance(self.request.connection, HTTP1Connection):
            most = self._declared_size() or service.max_upload
            self.request.connection.set_body_timeout(BODY_S + most / _MIN_SPEED)
            self._check_speed(self.request.connection)
        return None

    def _check_speed(self, connection: HTTP1Connection) -> None:
        """Close the connection once the upload is slower than it may be, also when nothing comes at all."""
        if self.upload is None or self.acting:
            return
        rest_s = self._began_s + max(BODY_S, self._size / _MIN_SPEED) - time.monotonic()
        if rest_s > 0:
            asyncio.get_running_loop().call_later(rest_s, self._check_speed, connection)
        else:
            connection.stream.close()

    async def _write(self, upload: Upload, chunk: bytes) -> None:
        """A piece of an upload, if it is not too large."""
        if self._size > self.service.max_upload:
            return self.answer_too_large(self.service.max_upload)
        try:
            await asyncio.to_thread(upload.write, chunk)
        except BadBody as error:
            self.answer_problem(error.status, str(error))
        except OSError:
            self.answer_problem(503)
        return None

    def _declared_size(self) -> int:
        """The body's length as declared, in bytes; tornado refuses what is no number."""
        text = self.request.headers.get("Content-Length", "").partition(",")[0].strip()
        if len(text) > 18:
            return 2**62
        return int(text) if text.isdecimal() else 0
