"""A multipart form, parsed while it comes in: fields in memory, files on disk."""

from __future__ import annotations

import codecs
import contextlib
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from pdnb.model import JSON
from pdnb.request import MAX_BODY, NO_BODY, BadBody, by_name
from pdnb.server.upload_files import RunFiles, close_durably

_MAX_PARTS: Final = 200


class FormUpload:
    """A multipart form: fields as text, each file part ``{"filename", "mimetype", "url", "path"}``.

    Names are read as those of any form (:func:`pdnb.request.by_name`). A file input that was left empty (no name and no
    content) is absent. Fields together may be as large as a parsed body.
    """

    def __init__(self, files: RunFiles, content_type: str) -> None:
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if not boundary:
            raise BadBody("the multipart body names no boundary")
        self._files = files
        self._found: list[tuple[str, JSON]] = []
        self._blank, self._begin = True, bytearray()
        self._parts = self._text_size = 0
        self._headers: dict[bytes, bytes] = {}
        self._header_name = self._header_value = b""
        self._text = bytearray()
        self._file: IO[bytes] | None = None
        self._path: Path | None = None
        self._ended = False
        callbacks: Any = {
            "on_part_begin": self._part_begins,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value_piece,
            "on_header_end": self._header_ends,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._part_data,
            "on_part_end": self._part_ends,
            "on_end": self._form_ends,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except FormParserError:
            raise BadBody("the multipart boundary is too long") from None

    def write(self, chunk: bytes) -> None:
        """Parse on."""
        if self._blank:
            self._begin += chunk
            if codecs.BOM_UTF8.startswith(self._begin):  # a byte order mark may come in pieces
                return
            chunk = bytes(self._begin.removeprefix(codecs.BOM_UTF8).lstrip())
            self._begin.clear()
            self._blank = not chunk
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise BadBody("the multipart body cannot be read") from error

    def close(self, asked: Collection[str] = ()) -> JSON:
        """The fields and files, ``NO_BODY`` if nothing was sent; *asked* are the names of a form's fields."""
        if self._blank and bytes(self._begin) in {b"", codecs.BOM_UTF8}:
            return NO_BODY
        if not self._ended:
            raise BadBody("the multipart body is cut short")
        return by_name(self._found, asked)

    def discard(self) -> None:
        """Remove every file of it."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        self._files.discard()

    # ---- the parser's callbacks ----

    def _part_begins(self) -> None:
        self._parts += 1
        if self._parts > _MAX_PARTS:
            raise BadBody(f"more than {_MAX_PARTS} parts are too many")
        self._headers = {}
        self._text = bytearray()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_value_piece(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_ends(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _headers_end(self) -> None:
        _, self._options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if b"name" not in self._options:
            raise BadBody("a part of the multipart body has no name")
        if self._options.get(b"filename"):
            self._path, self._file = self._files.new()

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if b"filename" in self._options:
            if self._file is None:
                self._path, self._file = self._files.new()
            self._file.write(data[start:end])
            return
        self._text_size += end - start
        if self._text_size > MAX_BODY:
            raise BadBody(f"the fields are larger than {MAX_BODY} bytes together", 413)
        self._text += data[start:end]

    def _part_ends(self) -> None:
        value: JSON
        if self._file is not None and self._path is not None:
            close_durably(self._file)
            value = {
                "filename": _decoded(self._options[b"filename"]),
                "mimetype": _decoded(self._headers.get(b"content-type", b"application/octet-stream")),
                "url": self._path.as_uri(),
                "path": str(self._path),
            }
            self._file = self._path = None
        elif b"filename" in self._options:  # an input for a file in which none was chosen
            return
        else:
            value = _decoded(bytes(self._text))
        self._found.append((_decoded(self._options[b"name"]), value))

    def _form_ends(self) -> None:
        self._ended = True


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise BadBody("a part of the multipart body is not UTF-8", 415) from None
