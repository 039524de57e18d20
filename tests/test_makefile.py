"""``make chromium``: what is missing is named, and why, before anything is installed; no rights, no attempt."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A PATH with make and a shell, without Chromium, and with an apt-get that only says how it was called."""
    for name in ("make", "sh", "find"):
        found = shutil.which(name)
        assert found, name
        (tmp_path / name).symlink_to(found)
    command(tmp_path, "apt-get", 'echo "apt-get $*"')
    return tmp_path


def command(machine: Path, name: str, script: str) -> None:
    file = machine / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def make(machine: Path) -> subprocess.CompletedProcess[str]:
    words = ["-s", "--no-print-directory", f"SHELL={machine / 'sh'}", "chromium"]
    command = [str(machine / "make"), *words]
    return subprocess.run(
        command, cwd=ROOT, env={"PATH": str(machine)}, capture_output=True, text=True, timeout=60, check=False
    )


def test_root_reads_what_will_be_installed_and_why_before_apt_get_starts(machine: Path) -> None:
    command(machine, "id", "echo 0")
    made = make(machine)
    assert made.returncode == 0, made.stderr
    before, apt_get, _ = made.stdout.partition("apt-get -qq update")
    assert apt_get
    for package in ("chromium", "fonts-dejavu-core"):
        assert f"  {package} " in before
    assert "browser tests" in before


def test_others_get_the_command_to_type_and_nothing_is_installed(machine: Path) -> None:
    command(machine, "id", "echo 1000")
    made = make(machine)
    assert made.returncode != 0
    assert "\n  sudo apt-get install chromium fonts-dejavu-core\n" in made.stderr
    assert made.stdout == ""


def test_where_chromium_is_installed_nothing_is_said(machine: Path) -> None:
    command(machine, "chromium", "")
    made = make(machine)
    assert (made.returncode, made.stdout) == (0, "")
