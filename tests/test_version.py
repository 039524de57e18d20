"""One version number: pyproject.toml decides it, and whatever has to repeat it says the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # no stubs for one test

import pdnb

ROOT = Path(__file__).parents[1]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_the_installed_package_and_its_module_say_the_version_of_pyproject() -> None:
    assert metadata.version("pdnb") == pdnb.__version__ == VERSION


def test_the_shell_says_the_version_of_pyproject() -> None:
    said = subprocess.run([sys.executable, "-m", "pdnb", "--version"], capture_output=True, text=True, check=True)
    assert said.stdout == f"pdnb {VERSION}\n"


def test_the_labextension_has_the_version_of_pyproject() -> None:
    assert json.loads((ROOT / "jupyter-config/labextension/package.json").read_text())["version"] == VERSION


@pytest.mark.parametrize("name", ["package.json", "package-lock.json"])
def test_the_front_ends_sources_have_no_other_version(name: str) -> None:
    """They are private to this repository, and need not say one at all."""
    file = ROOT / "js" / name
    stated = json.loads(file.read_text()).get("version") if file.exists() else None
    assert stated in (None, VERSION)


def test_the_description_of_the_api_has_the_version_of_pyproject() -> None:
    described = yaml.safe_load((ROOT / "pdnb/server/openapi.yaml").read_text())
    assert described["info"]["version"] == VERSION


def test_the_labextension_says_which_python_package_it_belongs_to() -> None:
    """JupyterLab's extension manager reads this file to say how the extension is removed."""
    install = json.loads((ROOT / "jupyter-config/labextension/install.json").read_text())
    assert install.keys() == {"packageManager", "packageName", "uninstallInstructions"}
    assert (install["packageManager"], install["packageName"]) == ("python", "pdnb")


def test_the_changelog_has_a_section_for_what_comes_next_or_for_this_version() -> None:
    sections = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert sections[0] in {"Unreleased", VERSION}
