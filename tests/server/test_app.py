"""The extension: what it publishes and when, where it refuses to keep a store, and two servers on one store."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tornado.httpserver import HTTPServer
from traitlets import TraitError
from traitlets.config import Config

from pdnb.coordination.home import Home, now_ms
from pdnb.coordination.settings import Settings, read_settings
from pdnb.links import Target
from pdnb.model import RunRecord, Status, Suspended
from pdnb.server.app import PdnbApp
from tests.support.processes import Server, post, until
from tests.support.server import DAY, code, eventually, parse, send, written

if TYPE_CHECKING:
    import asyncio
    import socket

    from jupyter_server.serverapp import ServerApp


@pytest.fixture
def started(
    jp_configurable_serverapp: Callable[..., ServerApp],
    jp_server_config: Config,
    jp_asyncio_loop: asyncio.AbstractEventLoop,
    http_server_port: tuple[socket.socket, int],
) -> Iterator[Callable[..., ServerApp]]:
    """A server with these options of pdnb, listening and with its extensions started."""
    listening: list[HTTPServer] = []

    async def listen(app: ServerApp) -> None:
        listening.append(HTTPServer(app.web_app))
        listening[0].add_socket(http_server_port[0])
        await app.extension_manager.start_all_extensions()

    def start(options: dict[str, Any] | None = None, **server: Any) -> ServerApp:
        jp_server_config.PdnbApp.update({"max_workers": 0, **(options or {})})
        app = jp_configurable_serverapp(config=jp_server_config, **server)
        jp_asyncio_loop.run_until_complete(listen(app))
        return app

    yield start
    for server in listening:
        server.stop()
        jp_asyncio_loop.run_until_complete(server.close_all_connections())


@pytest.fixture
def published(pdnb_dir: Path, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Callable[[], Settings]:
    """What stands in settings.json once it is there."""

    def read() -> Settings:
        jp_asyncio_loop.run_until_complete(eventually((pdnb_dir / "settings.json").exists))
        return read_settings(pdnb_dir)

    return read


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def complaints(said: pytest.CaptureFixture[str]) -> list[str]:
    """The lines at level warning and above, and whatever follows them, tracebacks included."""
    lines = said.readouterr().err.splitlines()
    return [line for line in lines if not re.match(r"\[[DI] |\t|\s*$", line) and "JUPYTER" not in line]


def suspended(home: Home) -> RunRecord:
    run = home.store.add(code("approve", "publish"), None, at_ms=now_ms(), owner=home.owner)
    return home.store.apply(run.id, Suspended(now_ms(), run.fence, due_ms=now_ms() + DAY))


# ---- what is published --------------------------------------------------------------------------------------------


def test_what_is_in_force_stands_in_a_private_file_in_a_private_directory(
    started: Callable[..., ServerApp], published: Callable[[], Settings], pdnb_dir: Path
) -> None:
    """The server writes what is in force, and its URL, to `settings.json` (0600) in the store's directory."""
    app = started({"on_timeout": "resume", "confirm_links": False})
    assert published() == Settings(
        url=f"http://localhost:{app.port}{app.base_url}", on_timeout="resume", confirm_links=False
    )
    assert mode(pdnb_dir) == 0o700
    assert mode(pdnb_dir / "settings.json") == 0o600
    assert mode(pdnb_dir / "secret") == 0o600
    assert mode(pdnb_dir / "cache.db") == 0o600


def test_the_address_contains_the_base_url(
    started: Callable[..., ServerApp], published: Callable[[], Settings]
) -> None:
    app = started(base_url="/hub/user/ann/")
    assert published().url == f"http://localhost:{app.port}/hub/user/ann/"


def test_links_begin_with_the_public_url_when_there_is_one(
    started: Callable[..., ServerApp], published: Callable[[], Settings], pdnb_dir: Path
) -> None:
    started({"public_url": "https://pdnb.example/x"})
    settings = published()
    assert (settings.public_url, settings.link_url) == ("https://pdnb.example/x/", "https://pdnb.example/x/")
    with Home(pdnb_dir, kind="kernel") as home:
        assert str(home.link("resume", suspended(home))).startswith("https://pdnb.example/x/pdnb/resume/pdnb1r.")


def test_links_begin_with_jupyterhubs_public_url(
    started: Callable[..., ServerApp], published: Callable[[], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTERHUB_PUBLIC_URL", "https://hub.example/user/ann/")
    started()
    assert published().link_url == "https://hub.example/user/ann/"


def test_the_configured_public_url_is_stronger_than_jupyterhubs(
    started: Callable[..., ServerApp], published: Callable[[], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTERHUB_PUBLIC_URL", "https://hub.example/user/ann/")
    started({"public_url": "https://pdnb.example"})
    assert published().link_url == "https://pdnb.example/"


@pytest.mark.parametrize("url", ["pdnb.example", "ftp://pdnb.example", "//pdnb.example", "javascript:alert(1)"])
def test_a_public_url_that_is_none_is_refused_with_what_to_do(url: str) -> None:
    with pytest.raises(TraitError, match="begin with http:// or https://"):
        PdnbApp(public_url=url)


def test_kernels_of_the_server_inherit_where_the_store_is(started: Callable[..., ServerApp], pdnb_dir: Path) -> None:
    app = started()
    assert (os.environ["PDNB_DIR"], os.environ["PDNB_BASE_URL"]) == (str(pdnb_dir), app.base_url)


def test_nothing_is_published_before_the_server_listens(
    jp_configurable_serverapp: Callable[..., ServerApp], jp_server_config: Config, pdnb_dir: Path
) -> None:
    """The server's own URL read **after** it listens (before that the port is wrong)."""
    jp_configurable_serverapp(config=jp_server_config)
    assert (pdnb_dir / "cache.db").exists()
    assert not (pdnb_dir / "settings.json").exists()


def test_the_published_port_is_the_one_that_was_really_taken(tmp_path: Path, pdnb_dir: Path) -> None:
    first = Server(tmp_path / "first", tmp_path / "other store")
    with first, Server(tmp_path / "second", pdnb_dir, port=first.port, retries=50) as second:
        until((pdnb_dir / "settings.json").exists)
        url = read_settings(pdnb_dir).url
        assert url != first.url
        second.port = int(url.rstrip("/").rpartition(":")[2])
        with Home(pdnb_dir, kind="kernel") as home:
            link = str(home.link("resume", suspended(home)))
        assert link.startswith(second.url)
        assert post(link) == 200
        assert second.stop() == 0


# ---- where a store may lie ----------------------------------------------------------------------------------------


def assert_off(app: ServerApp, capfd: pytest.CaptureFixture[str], *parts: str) -> None:
    """The extension is off, said so in one line, and the server stops in good order."""
    (line,) = complaints(capfd)
    for part in parts:
        assert part in line
    assert "pdnb_service" not in app.web_app.settings
    assert not [rule for rule in app.web_app.wildcard_router.rules if "resume" in str(rule.matcher)]


@pytest.mark.parametrize("place", ["", "pdnb", "deep/down/pdnb"])
def test_a_store_where_the_server_serves_files_is_refused(
    started: Callable[..., ServerApp], jp_root_dir: Path, capfd: pytest.CaptureFixture[str], place: str
) -> None:
    """Never where the server would serve it."""
    app = started({"directory": str(jp_root_dir / place)})
    assert_off(app, capfd, str(jp_root_dir), "PDNB_DIR", "--PdnbApp.directory")
    assert not list(jp_root_dir.rglob("*"))


def test_a_link_to_a_served_place_is_that_place(
    started: Callable[..., ServerApp], jp_root_dir: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "alias").symlink_to(jp_root_dir)
    assert_off(started({"directory": str(tmp_path / "alias" / "pdnb")}), capfd, "--PdnbApp.directory")


def test_a_store_below_a_hidden_directory_is_accepted(
    started: Callable[..., ServerApp], jp_root_dir: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Outside its root, or below a hidden directory while `allow_hidden` is off."""
    app = started({"directory": str(jp_root_dir / ".local" / "pdnb")})
    assert complaints(capfd) == []
    assert app.web_app.settings["pdnb_service"].home.directory == jp_root_dir / ".local" / "pdnb"


def test_a_store_below_a_hidden_directory_that_is_served_is_refused(
    started: Callable[..., ServerApp], jp_root_dir: Path, jp_server_config: Config, capfd: pytest.CaptureFixture[str]
) -> None:
    jp_server_config.ContentsManager.allow_hidden = True
    assert_off(started({"directory": str(jp_root_dir / ".local" / "pdnb")}), capfd, "--PdnbApp.directory")


def no_directory(place: Path) -> None:
    place.write_text("a file")


def newer(place: Path) -> None:
    place.mkdir()
    connection = sqlite3.connect(place / "cache.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    (place / "secret").write_text("x" * 64)


def garbage(place: Path) -> None:
    place.mkdir()
    (place / "cache.db").write_bytes(b"garbage" * 10_000)
    (place / "secret").write_text("x" * 64)


def without_secret(place: Path) -> None:
    place.mkdir()
    (place / "cache.db").touch()


def bad_settings(place: Path) -> None:
    place.mkdir()
    (place / "settings.json").write_text("{")


BAD_STORES = [
    (no_directory, "set PDNB_DIR"),
    (newer, "upgrade pdnb"),
    (garbage, "restore it from a backup"),
    (without_secret, "restore it from a backup"),
    (bad_settings, "remove it"),
]


@pytest.mark.parametrize("bad", BAD_STORES, ids=[spoil.__name__ for spoil, _ in BAD_STORES])
def test_a_store_that_cannot_be_used_ends_the_extension_with_one_line_and_the_server_lives(
    started: Callable[..., ServerApp],
    jp_asyncio_loop: asyncio.AbstractEventLoop,
    pdnb_dir: Path,
    capfd: pytest.CaptureFixture[str],
    bad: tuple[Callable[[Path], None], str],
) -> None:
    """A one-line error that says what to do … no traceback of ours."""
    spoil, remedy = bad
    spoil(pdnb_dir)
    before = contents(pdnb_dir)
    app = started()
    assert_off(app, capfd, str(pdnb_dir), remedy)
    assert contents(pdnb_dir) == before
    login = {"Authorization": f"token {app.identity_provider.token}"}
    request = written("GET", f"{app.base_url}api/status", login, host=f"127.0.0.1:{app.port}")
    assert parse(jp_asyncio_loop.run_until_complete(send(app.port, request))).status == 200
    jp_asyncio_loop.run_until_complete(app.extension_manager.stop_all_extensions())


def contents(place: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in [place, *place.rglob("*")] if path.is_file()}


# ---- two servers on one store -------------------------------------------------------------------------------------


@pytest.fixture
def two(tmp_path: Path, pdnb_dir: Path) -> Iterator[tuple[Server, Server]]:
    with Server(tmp_path / "first", pdnb_dir, "--PdnbApp.max_workers=1") as first:
        until((pdnb_dir / "settings.json").exists)
        with Server(tmp_path / "second", pdnb_dir, "--PdnbApp.max_workers=1") as second:
            yield first, second


def token_path(home: Home, run: RunRecord) -> str:
    return f"pdnb/resume/{home.links.token('resume', Target(run.id, run.step, run.runs))}"


def test_two_servers_keep_one_store_one_after_the_other(two: tuple[Server, Server], pdnb_dir: Path) -> None:
    """The holder of `server.lock` keeps clock, workers and `settings.json`; the others answer links and take over."""
    first, second = two
    with Home(pdnb_dir, kind="kernel") as home:
        assert read_settings(pdnb_dir).url == first.url
        run = suspended(home)
        assert post(second.url + token_path(home, run)) == 200  # the other answers links too
        until(lambda: home.store.get(run.id).status is Status.SUCCEEDED)  # and the first's worker goes on with it
        assert first.stop() == 0
        until(lambda: read_settings(pdnb_dir).url == second.url)
        home.reload_settings()
        run = suspended(home)
        link = str(home.link("resume", run))
        assert link.startswith(second.url)
        assert post(link) == 200
        until(lambda: home.store.get(run.id).status is Status.SUCCEEDED)


def test_the_second_server_takes_over_when_the_first_is_killed(two: tuple[Server, Server], pdnb_dir: Path) -> None:
    first, second = two
    with Home(pdnb_dir, kind="kernel") as home:
        run = home.store.add(code("approve", "publish"), None, at_ms=now_ms(), owner=home.owner)
        home.store.apply(run.id, Suspended(now_ms(), run.fence, due_ms=now_ms() + 1_500, on_timeout="resume"))
        first.kill()
        until(lambda: read_settings(pdnb_dir).url == second.url)
        until(lambda: home.store.get(run.id).status is Status.SUCCEEDED)


def test_settings_that_are_in_force_are_readable_json(
    started: Callable[..., ServerApp], published: Callable[[], Settings], pdnb_dir: Path
) -> None:
    started()
    published()
    assert set(json.loads((pdnb_dir / "settings.json").read_text())) >= {"url", "public_url", "on_timeout"}
