"""Ring and listen: a hint to look now, that costs nothing when nobody is at home."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator

import pytest

from pdnb.coordination.notify import Notifier

SOON_S = 5.0  # a ring comes at once; only a defect waits so long


@pytest.fixture
def bells() -> Iterator[tuple[Notifier, Notifier]]:
    first, second = Notifier(), Notifier()
    yield first, second
    first.close()
    second.close()


def test_a_ring_wakes_who_listens(bells: tuple[Notifier, Notifier]) -> None:
    ringer, listener = bells
    ringer.notify([listener.port])
    assert listener.wait(SOON_S)


def test_without_a_ring_a_wait_ends_by_itself(bells: tuple[Notifier, Notifier]) -> None:
    _, listener = bells
    assert not listener.wait(0)
    assert not listener.wait(-1)
    assert not listener.wait(0.001)


def test_a_burst_is_one_ring(bells: tuple[Notifier, Notifier]) -> None:
    """Bursts coalesced."""
    ringer, listener = bells
    ringer.notify([listener.port] * 1_000)
    assert listener.wait(SOON_S)
    assert not listener.wait(0)


def test_nobody_rings_at_the_own_door(bells: tuple[Notifier, Notifier]) -> None:
    ringer, listener = bells
    ringer.notify([ringer.port, listener.port])
    assert listener.wait(SOON_S)
    assert not ringer.wait(0)


@pytest.mark.parametrize("port", [0, -1, 65_536, 10**9, 1])
def test_a_door_that_is_none_keeps_no_other_from_being_rung(bells: tuple[Notifier, Notifier], port: int) -> None:
    """Nobody at home is no error: a ring may get lost, the poll comes behind."""
    ringer, listener = bells
    ringer.notify([port, listener.port])
    assert listener.wait(SOON_S)


def test_a_door_that_was_closed_keeps_no_other_from_being_rung(bells: tuple[Notifier, Notifier]) -> None:
    ringer, listener = bells
    gone = Notifier()
    gone.close()
    for _ in range(3):  # the refusal of the first comes back to the second
        ringer.notify([gone.port, listener.port])
    assert listener.wait(SOON_S)
    assert not ringer.wait(0)


def test_a_stranger_may_ring_and_brings_nothing_in(bells: tuple[Notifier, Notifier]) -> None:
    """No data, nothing trusted."""
    _, listener = bells
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"x" * 60_000, ("127.0.0.1", listener.port))
        stranger.sendto(b"", ("127.0.0.1", listener.port))
    assert listener.wait(SOON_S)


def test_a_door_is_on_loopback_alone(bells: tuple[Notifier, Notifier]) -> None:
    """Each listener binds a UDP port on loopback."""
    assert bells[0]._socket.getsockname() == ("127.0.0.1", bells[0].port)
    assert bells[0].port != bells[1].port


def test_an_event_loop_can_wait_at_the_door(bells: tuple[Notifier, Notifier]) -> None:
    ringer, listener = bells
    ringer.notify([listener.port])
    assert select.select([listener], [], [], SOON_S)[0] == [listener]
    listener.drain()
    assert select.select([listener.fileno()], [], [], 0)[0] == []
    listener.drain()
