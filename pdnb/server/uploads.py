"""Large bodies and files of a request, streamed to disk: never in memory, each in a file of its own below ``uploads/``.

Files stand in ``uploads/<run>/`` under names made here (0600); what a sender calls its file is data and never a path.
Those of a request that is refused go at once; the others stay with their run. Follows Pipedream's large payload and
large file interfaces.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final, Protocol
from urllib.parse import parse_qs

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from pdnb.model import JSON
from pdnb.request import MAX_BODY, BadBody, put

_MAX_PARTS: Final = 200


class Upload(Protocol):
    """A body on its way to disk. Methods block; they are called in a thread."""

    def write(self, chunk: bytes) -> None:
        """Take a piece. Raises ``BadBody`` or ``OSError``."""

    def close(self) -> JSON:
        """The end of it: what the event's ``body`` is. Raises ``BadBody`` when something is missing."""

    def discard(self) -> None:
        """Remove every file of it."""


class Place:
    """Where the files of one run go."""

    def __init__(self, directory: Path, run: str) -> None:
        self._directory = directory / "uploads" / run
        self._files: list[Path] = []

    def new(self) -> tuple[Path, IO[bytes]]:
        """A new empty file."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._directory / secrets.token_hex(12)
        path.touch(mode=0o600, exist_ok=False)
        self._files.append(path)
        return path, path.open("wb")

    def discard(self) -> None:
        """Remove what was made here, and the directory if nothing else is in it."""
        for path in self._files:
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # another upload's files are in it
            self._directory.rmdir()


class RawUpload:
    """The whole body as one file: ``{"raw_body_url", "path"}``."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._path, self._file = place.new()

    def write(self, chunk: bytes) -> None:
        """Append."""
        self._file.write(chunk)

    def close(self) -> JSON:
        """Both ways to name the file."""
        _keep(self._file)
        return {"raw_body_url": self._path.as_uri(), "path": str(self._path)}

    def discard(self) -> None:
        """Remove it."""
        with contextlib.suppress(OSError):  # a full disk does not even take what was left to write
            self._file.close()
        self._place.discard()


class FormUpload:
    """A multipart form: fields as text, each file part ``{"filename", "mimetype", "url", "path"}``.

    A name that comes twice holds a list. Fields together may be as large as a parsed body.
    """

    def __init__(self, place: Place, content_type: str) -> None:
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if not boundary:
            raise BadBody("the multipart body names no boundary")
        self._place = place
        self._found: dict[str, JSON] = {}
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
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise BadBody("the multipart body cannot be read") from error

    def close(self) -> JSON:
        """The fields and files."""
        if not self._ended:
            raise BadBody("the multipart body is cut short")
        return self._found

    def discard(self) -> None:
        """Remove every file of it."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        self._place.discard()

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
        if b"filename" in self._options:
            self._path, self._file = self._place.new()

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.write(data[start:end])
            return
        self._text_size += end - start
        if self._text_size > MAX_BODY:
            raise BadBody(f"the fields are larger than {MAX_BODY} bytes together", 413)
        self._text += data[start:end]

    def _part_ends(self) -> None:
        value: JSON
        if self._file is not None and self._path is not None:
            _keep(self._file)
            value = {
                "filename": _decoded(self._options[b"filename"]),
                "mimetype": _decoded(self._headers.get(b"content-type", b"application/octet-stream")),
                "url": self._path.as_uri(),
                "path": str(self._path),
            }
            self._file = self._path = None
        else:
            value = _decoded(bytes(self._text))
        name = _decoded(self._options[b"name"])
        put(self._found, name, value)

    def _form_ends(self) -> None:
        self._ended = True


def wanted(query: str, headers: Mapping[str, str]) -> bool:
    """Whether a request asks for its body to go to disk: by flag, by header, or because it is a form with files."""
    return _is_flagged(query, headers) or _is_form(headers)


def begin(directory: Path, run: str, query: str, headers: Mapping[str, str]) -> Upload:
    """Open what takes the body; a flag asks for the raw bytes, also of a form. Raises ``BadBody`` or ``OSError``."""
    place = Place(directory, run)
    return RawUpload(place) if _is_flagged(query, headers) else FormUpload(place, headers["Content-Type"])


def _keep(file: IO[bytes]) -> None:
    """Close *file* with everything on the disk: the run that will name it is durable too."""
    file.flush()
    os.fsync(file.fileno())
    file.close()


def sweep(directory: Path, named: Callable[[str], set[str] | None], before_s: float) -> None:
    """Remove files last written before *before_s* (Unix seconds) that no request of their run names.

    *named* gives the paths that the requests of a run name; ``None``: it cannot tell. A server that died left the
    others behind.
    """
    root = directory / "uploads"
    for place in root.iterdir() if root.exists() else ():
        kept = named(place.name) if place.is_dir() else None
        if kept is None:
            continue
        for path in place.iterdir():
            if str(path) not in kept and path.stat().st_mtime < before_s:
                path.unlink(missing_ok=True)
        if not any(place.iterdir()):
            place.rmdir()


def paths(body: JSON) -> set[str]:
    """The files that an event's ``body`` names."""
    parts = body.values() if isinstance(body, dict) else ()
    inner = [item for part in parts for item in (part if isinstance(part, list) else [part])]
    return {item["path"] for item in [body, *inner] if isinstance(item, dict) and isinstance(item.get("path"), str)}


def _is_flagged(query: str, headers: Mapping[str, str]) -> bool:
    return "1" in [*parse_qs(query).get("pipedream_upload_body", []), headers.get("X-Pd-Upload-Body", "")]


def _is_form(headers: Mapping[str, str]) -> bool:
    return headers.get("Content-Type", "").lower().startswith("multipart/form-data")


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise BadBody("a part of the multipart body is not UTF-8", 415) from None
