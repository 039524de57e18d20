"""Makes the first import of jsonschema cost a tenth of a second instead of more than one.

Jupyter brings the package with which jsonschema checks the format ``iri``, and that compiles a grammar when it is
imported. No form of ours checks it, and a step that suspends with a form should not wait for it: jsonschema gets a
function that imports the package when an ``iri`` is checked after all. Nothing else changes for any user of jsonschema.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from threading import Lock
from types import ModuleType
from typing import Final

_SLOW: Final = "rfc3987_syntax"
_LOCK: Final = Lock()


def import_jsonschema() -> None:
    """To be called before anything is imported from jsonschema."""
    with _LOCK:
        if "jsonschema" in sys.modules or _SLOW in sys.modules or find_spec(_SLOW) is None:
            return
        stand_in = ModuleType(_SLOW)
        stand_in.is_valid_syntax = _is_valid_syntax  # type: ignore[attr-defined]  # the one name jsonschema takes
        sys.modules[_SLOW] = stand_in
        try:
            import jsonschema  # noqa: F401
        finally:
            del sys.modules[_SLOW]


def _is_valid_syntax(term: str, text: str) -> bool:
    return bool(import_module("rfc3987_syntax").is_valid_syntax(term, text))
