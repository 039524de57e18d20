"""Owner ids: short, safe as file names, and read in one place."""

from __future__ import annotations

import os
import re
import socket

import pytest

from pdnb.owner_id import OwnerId, this_host


@pytest.mark.parametrize("kind", ["kernel", "worker", "server", "shell"])
def test_an_id_reads_back_as_it_was_written(kind: str) -> None:
    here = OwnerId.here(kind)
    assert OwnerId.parse(str(here)) == here
    assert (here.kind, here.host, here.pid) == (kind, this_host(), os.getpid())
    assert OwnerId.here(kind) != here  # the process id may be given again


@pytest.mark.parametrize("name", ["box", "my-box.example.com", "x" * 300, "a/../b", "büro", "", "a b\n", "-.-"])
def test_an_id_is_a_safe_file_name_of_at_most_64_characters_whatever_the_host_is_called(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    longest = OwnerId("kernel", this_host(), 4_194_304, "0123abcd")
    assert len(str(longest)) <= 64
    assert re.fullmatch(r"[A-Za-z0-9._-]+", str(longest))
    assert OwnerId.parse(str(longest)) == longest


def test_an_id_from_before_hosts_were_part_of_it_is_read() -> None:
    old = OwnerId.parse("kernel-4194304-01234567")
    assert old == OwnerId("kernel", "", 4_194_304, "01234567")
    assert str(old) == "kernel-4194304-01234567"


@pytest.mark.parametrize(
    "text", ["", "x", "worker", "worker-1", "worker-x-00000000", "worker-1-00000000-", "a-1-0-b/c"]
)
def test_what_is_no_id_is_nobodys(text: str) -> None:
    assert OwnerId.parse(text) is None
