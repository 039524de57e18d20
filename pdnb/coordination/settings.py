"""Settings that all processes of a store share: the server's address, the defaults of pauses, mail.

The leader writes them to ``settings.json`` in the store's directory; kernels, workers and the shell read them there.
``PDNB_DIR`` names the directory; ``PDNB_PUBLIC_URL`` and the other variables below override single settings.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, Literal

from pdnb.coordination.files import write_private
from pdnb.errors import StoreError

_FILE: Final = "settings.json"
_PREFIX: Final = "PDNB_"
_CHOICES: Final = {
    "on_timeout": ("cancel", "resume"),
    "isolation": ("wake-up", "workflow"),
    "start_method": ("fork", "spawn"),
}


@dataclass(frozen=True)
class Settings:
    """The settings. URLs end with ``/``; ``url`` is the server's own address, ``public_url`` the one people use."""

    url: str = "http://127.0.0.1:8888/"
    public_url: str | None = None
    on_timeout: Literal["cancel", "resume"] = "cancel"
    confirm_links: bool = True
    smtp_url: str | None = None
    mail_from: str | None = None
    mail_to: str | None = None
    isolation: Literal["wake-up", "workflow"] = "wake-up"
    start_method: Literal["fork", "spawn"] = "fork"

    @property
    def link_url(self) -> str:
        """What links begin with."""
        return self.public_url or self.url


def default_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """``PDNB_DIR``, else ``pdnb`` in Jupyter's data directory."""
    if named := environ.get("PDNB_DIR"):
        return Path(named).expanduser().resolve()
    from jupyter_core.paths import jupyter_data_dir  # late: a worker is always given its directory

    return Path(jupyter_data_dir()) / "pdnb"


def read_settings(directory: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of file and environment; raises ``StoreError`` when the file or a variable makes no sense."""
    path = directory / _FILE
    known = {f.name for f in fields(Settings)}
    try:
        raw: dict[str, Any] = json.loads(path.read_text())
        settings = Settings(**{name: value for name, value in raw.items() if name in known})
        _check(settings)
    except FileNotFoundError:
        settings = Settings()
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise StoreError(f"{path} cannot be read ({error}): remove it and restart the server") from error
    return replace(settings, **_from_environ(environ))


def write_settings(directory: Path, settings: Settings) -> None:
    """Write *settings* for kernels, workers and the shell. Raises ``OSError``."""
    write_private(directory / _FILE, json.dumps(asdict(settings), indent=2))


def _check(settings: Settings) -> None:
    optional = (settings.public_url, settings.smtp_url, settings.mail_from, settings.mail_to)
    texts = [settings.url, *(text for text in optional if text is not None)]
    if not all(isinstance(text, str) for text in texts) or type(settings.confirm_links) is not bool:
        raise TypeError("a setting of a wrong type")
    for name, choices in _CHOICES.items():
        if getattr(settings, name) not in choices:
            raise ValueError(f"{name} is {getattr(settings, name)!r}")


def _from_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if url := environ.get(_PREFIX + "PUBLIC_URL"):
        found["public_url"] = url.rstrip("/") + "/"
    for name in ("smtp_url", "mail_from", "mail_to"):
        if value := environ.get(_PREFIX + name.upper()):
            found[name] = value
    for name, choices in _CHOICES.items():
        if (choice := environ.get(_PREFIX + name.upper())) is not None:
            if choice not in choices:
                raise StoreError(f"PDNB_{name.upper()} is {choice!r}: use {' or '.join(map(repr, choices))}")
            found[name] = choice
    if (switch := environ.get(_PREFIX + "CONFIRM_LINKS")) is not None:
        if switch.lower() not in ("0", "1", "true", "false"):
            raise StoreError(f"PDNB_CONFIRM_LINKS is {switch!r}: use 'true' or 'false'")
        found["confirm_links"] = switch.lower() in ("1", "true")
    return found
