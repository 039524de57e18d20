"""Large bodies and files of a request, streamed to disk and never held in memory.

The files of a request that is refused are removed at once; the others stay with their run. Follows Pipedream's large
payload and large file interfaces.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from urllib.parse import parse_qs

from pdnb.model import JSON
from pdnb.request import check_encoding
from pdnb.server.multipart import FormUpload
from pdnb.server.upload_files import RunFiles, Upload, close_durably


class RawUpload:
    """The whole body as one file: ``{"raw_body_url", "path"}``."""

    def __init__(self, files: RunFiles) -> None:
        self._files = files
        self._path, self._file = files.new()

    def write(self, chunk: bytes) -> None:
        """Append."""
        self._file.write(chunk)

    def close(self, asked: Collection[str] = ()) -> JSON:  # noqa: ARG002  # the file has no fields
        """Both ways to name the file."""
        close_durably(self._file)
        return {"raw_body_url": self._path.as_uri(), "path": str(self._path)}

    def discard(self) -> None:
        """Remove it."""
        with contextlib.suppress(OSError):  # a full disk does not even take what was left to write
            self._file.close()
        self._files.discard()


def wanted(query: str, headers: Mapping[str, str]) -> bool:
    """Whether a request asks for its body to go to disk: by flag, by header, or because it is a form with files."""
    return _is_flagged(query, headers) or _is_form(headers)


def begin(directory: Path, run: str, query: str, headers: Mapping[str, str]) -> Upload:
    """Open what takes the body; a flag asks for the raw bytes, also of a form. Raises ``BadBody`` or ``OSError``."""
    files = RunFiles(directory, run)
    if _is_flagged(query, headers):
        return RawUpload(files)
    check_encoding(headers.get("Content-Encoding", ""))
    return FormUpload(files, headers["Content-Type"])


def remove_unnamed(directory: Path, named: Callable[[str], set[str] | None], before_s: float) -> None:
    """Remove files last written before *before_s* (Unix seconds) that no request of their run names.

    A server that died left them behind. *named* gives the paths that the requests of a run name, or ``None`` when they
    cannot be read.
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
