"""What is built from a clone: the wheel works outside of one, and the sdist can be built and tested from."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the wheel and the sdist of this tree."""
    directory = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", directory], cwd=ROOT, check=True, timeout=100)
    return directory


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    [wheel] = dist.glob("*.whl")
    return wheel


def test_the_wheel_holds_the_package_what_jupyter_needs_and_the_first_notebook(wheel: Path) -> None:
    names = ZipFile(wheel).namelist()
    data = f"pdnb-{VERSION}.data/data"
    wanted = {
        "pdnb/__init__.py",
        "pdnb/py.typed",
        "pdnb/notebooks/01_approve.ipynb",
        "pdnb/server/openapi.yaml",
        "pdnb/static/pdnb.css",
        "pdnb/static/pdnb.js",
        f"{data}/etc/jupyter/jupyter_server_config.d/pdnb.json",
        f"{data}/share/jupyter/labextensions/pdnb/install.json",
        f"{data}/share/jupyter/labextensions/pdnb/package.json",
        f"{data}/share/jupyter/labextensions/pdnb/static/remoteEntry.js",
    }
    assert wanted <= set(names)
    assert {name.split("/")[0] for name in names} == {"pdnb", f"pdnb-{VERSION}.data", f"pdnb-{VERSION}.dist-info"}


def test_the_sdist_holds_what_builds_tests_and_describes_pdnb(dist: Path) -> None:
    [sdist] = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        inside = {name.split("/")[1] for name in archive.getnames()}
    assert {"pdnb", "tests", "notebooks", "jupyter-config", "pyproject.toml", "Makefile", "README.md"} <= inside
    assert not inside & {".git", ".github", ".venv", "build", "dist"}


def test_the_demo_of_an_installed_wheel_plays_outside_a_clone(wheel: Path, tmp_path: Path, pdnb_dir: Path) -> None:
    installed = tmp_path / "site-packages"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", installed, wheel], check=True, timeout=100)
    played = subprocess.run(
        [sys.executable, "-m", "pdnb", "demo"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed), "CI": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert played.returncode == 0, played.stdout + played.stderr
    assert played.stdout.rstrip().endswith(": succeeded"), played.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site-packages"], "it left something behind"
