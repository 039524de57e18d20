"""The front end's one built file: fresh, whole, and all that the Python package carries of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = ROOT / "js"
BUNDLE = ROOT / "pdnb/static/pdnb.js"
NODE = shutil.which("node")

needs_node = pytest.mark.skipif(
    NODE is None or not (SOURCES / "node_modules").is_dir(), reason="Node or its packages are not installed: make js"
)


@needs_node
def test_the_built_file_is_what_the_sources_make(tmp_path: Path) -> None:
    assert NODE is not None
    built = tmp_path / "pdnb.js"
    subprocess.run([NODE, "build.js", str(built)], cwd=SOURCES, check=True, timeout=60)
    assert built.read_bytes() == BUNDLE.read_bytes(), "built from other sources: make js"


def test_the_package_carries_what_pages_and_widgets_load_and_no_source() -> None:
    assert {file.name for file in BUNDLE.parent.iterdir()} == {"page.js", "pdnb.css", "pdnb.js"}
    assert "js/src" in BUNDLE.read_text(encoding="utf-8").splitlines()[0]


def test_every_source_is_checked_for_its_types() -> None:
    for file in [*(SOURCES / "src").rglob("*.js"), *(SOURCES / "test").glob("*.js")]:
        assert file.read_text(encoding="utf-8").startswith("// @ts-check\n"), file


def test_the_lock_file_names_no_registry() -> None:
    lock = (SOURCES / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
    packages = json.loads(lock)["packages"]
    assert all(package.get("integrity") for name, package in packages.items() if name)


def test_users_need_no_package_of_javascript() -> None:
    assert "dependencies" not in json.loads((SOURCES / "package.json").read_text(encoding="utf-8"))
    assert re.findall(r"^import .*", BUNDLE.read_text(encoding="utf-8"), re.MULTILINE) == []
