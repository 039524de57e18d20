"""How the server is configured in all tests of this folder, and a client of its API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.server import Answer, Rig

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from traitlets.config import Config


@pytest.fixture
def jp_server_config(jp_server_config: Config) -> Config:
    """No workers: what is resumed stays in the queue."""
    jp_server_config.PdnbApp.max_workers = 0
    return jp_server_config


@pytest.fixture
def api(rig: Rig, jp_auth_header: dict[str, str]) -> Callable[..., Awaitable[Answer]]:
    """Sends a request with Jupyter's token to a path below ``pdnb/``; a value is sent as JSON, bytes as they are."""

    async def request(method: str, path: str, value: Any = None, **headers: str) -> Answer:
        body = None if value is None else value if isinstance(value, bytes) else json.dumps(value).encode()
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return await rig.request(method, f"{rig.base}pdnb/{path}", {**jp_auth_header, **named}, body)

    return request
