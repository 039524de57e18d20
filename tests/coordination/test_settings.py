"""What is in force: what the server wrote, then the environment's variables, then defaults."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdnb.coordination.settings import Settings, default_directory, read_settings, write_settings
from pdnb.errors import StoreError

ALL = Settings(
    url="http://127.0.0.1:8889/user/ann/",
    public_url="https://hub.example.org/user/ann/",
    on_timeout="resume",
    confirm_links=False,
    smtp_url="smtp://localhost:25",
    mail_from="a@example.org",
    mail_to="b@example.org",
)


def test_what_the_server_writes_is_read(tmp_path: Path) -> None:
    """The server writes what is in force, and its URL, to ``settings.json`` in the store's directory."""
    write_settings(tmp_path, ALL)
    assert read_settings(tmp_path, {}) == ALL


def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    """``settings.json`` (0600)."""
    old = os.umask(0)
    try:
        write_settings(tmp_path, ALL)
    finally:
        os.umask(old)
    assert (tmp_path / "settings.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]


def test_without_a_server_the_defaults_are_in_force(tmp_path: Path) -> None:
    settings = read_settings(tmp_path, {})
    assert settings == Settings()
    assert (settings.on_timeout, settings.confirm_links, settings.public_url) == ("cancel", True, None)


def test_variables_override_single_settings(tmp_path: Path) -> None:
    """Kernels, workers and the shell read that, then ``PDNB_*`` variables."""
    write_settings(tmp_path, ALL)
    environ = {"PDNB_PUBLIC_URL": "https://other", "PDNB_ON_TIMEOUT": "cancel", "PDNB_CONFIRM_LINKS": "TRUE"}
    settings = read_settings(tmp_path, environ)
    assert (settings.public_url, settings.on_timeout, settings.confirm_links) == ("https://other/", "cancel", True)
    assert settings.url == ALL.url


@pytest.mark.parametrize(("text", "value"), [("0", False), ("1", True), ("true", True), ("False", False)])
def test_a_switch_is_true_or_false(tmp_path: Path, text: str, value: bool) -> None:
    assert read_settings(tmp_path, {"PDNB_CONFIRM_LINKS": text}).confirm_links is value


@pytest.mark.parametrize(
    ("name", "value"), [("PDNB_ON_TIMEOUT", "explode"), ("PDNB_ON_TIMEOUT", ""), ("PDNB_CONFIRM_LINKS", "maybe")]
)
def test_a_variable_that_makes_no_sense_is_a_clear_error(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(StoreError, match=rf"^{name} is '{value}': use '.*' or '.*'$"):
        read_settings(tmp_path, {name: value})


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "3", '"x"', "\x80", '{"url": 3}', '{"public_url": []}', '{"on_timeout": "explode"}',
     '{"confirm_links": "yes"}', '{"on_timeout": null}'],
)  # fmt: skip
def test_a_file_that_makes_no_sense_is_a_clear_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "settings.json").write_text(text, encoding="latin-1")
    with pytest.raises(StoreError, match=r"settings\.json cannot be read \(.*\): remove it and restart the server$"):
        read_settings(tmp_path, {})


def test_a_setting_of_a_newer_pdnb_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text(json.dumps({"url": "http://a/", "colour": "red"}))
    assert read_settings(tmp_path, {}) == Settings(url="http://a/")


values = st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.lists(st.integers(), max_size=2)


@given(st.dictionaries(st.sampled_from(["url", "public_url", "on_timeout", "confirm_links", "x"]), values))
def test_any_file_gives_settings_that_make_sense_or_a_clear_error(new_dir: Any, document: dict[str, Any]) -> None:
    directory = new_dir()
    (directory / "settings.json").write_text(json.dumps(document))
    try:
        settings = read_settings(directory, {})
    except StoreError:
        return
    assert isinstance(settings.link_url, str)
    assert settings.on_timeout in ("cancel", "resume")
    assert isinstance(settings.confirm_links, bool)


def test_links_begin_with_the_public_url_where_there_is_one() -> None:
    assert ALL.link_url == "https://hub.example.org/user/ann/"
    assert Settings(url="http://127.0.0.1:8889/").link_url == "http://127.0.0.1:8889/"


def test_pdnb_dir_names_the_directory(tmp_path: Path) -> None:
    """``PDNB_DIR`` names the directory."""
    assert default_directory({"PDNB_DIR": str(tmp_path / "x" / ".." / "y")}) == tmp_path.resolve() / "y"
    assert default_directory({"PDNB_DIR": "~/runs"}) == Path.home().resolve() / "runs"


def test_else_it_is_pdnb_in_jupyters_data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Default: ``pdnb`` in Jupyter's data directory."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    assert default_directory({}) == tmp_path / "pdnb"
    assert default_directory({"PDNB_DIR": ""}) == tmp_path / "pdnb"
