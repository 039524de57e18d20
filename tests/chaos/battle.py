"""The battle: who is killed how often, one thread for each kind of player; then the peace in which every run ends."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from jupyter_core.utils import ensure_event_loop

from pdnb.coordination.home import Home
from pdnb.errors import StoreError
from pdnb.model import Status
from tests.chaos import strike
from tests.chaos.person import Person
from tests.chaos.players import Place, Server, Zygote, kill_worker, play_kernel

#: So many store operations of a life are swept: its start, a claim and several steps. The stride goes through them
#: all, far from one another, so that a short battle strikes everywhere too.
SWEEP: Final = 400
_STRIDE: Final = 149
_SERVER_SWEEP: Final = 1_000
_COMMITS: Final = 25  # the first of a life, struck while they are made
_LIFE_S: Final = 0.15  # of a forked player that is killed from outside
_LATEST_S: Final = 1.5  # of one that is to die at an operation it may never come to
_SLOTS: Final = 3  # zygotes
_REPORT_S: Final = 10.0


@dataclass(frozen=True)
class Wanted:
    """How many SIGKILLs: on workers (supervised and forked together), forked callers, ipykernels, servers."""

    workers: int
    callers: int
    kernels: int
    servers: int

    @classmethod
    def of(cls, kills: int) -> Wanted:
        """9 of 10 on workers, 9 of 100 on kernels (a sixth of them ipykernels), 1 of 100 on servers."""
        servers, kernels = kills // 100, kills * 9 // 100
        ipykernels = kernels // 6
        return cls(kills - kernels - servers, kernels - ipykernels, ipykernels, servers)


class Battle:
    """One battle over the store of *place*.

    ``kills`` counts what was killed, ``places`` what forked players were at then, ``operations`` where the sweep has
    struck, ``ended`` who ended without a kill, ``errors`` what went wrong in the rig; ``peace_s`` is how long the
    last runs took after the last kill.
    """

    def __init__(self, place: Place, wanted: Wanted, *, seed: int, seconds: float | None, target: int = 60) -> None:
        self._place = place
        self._wanted = wanted
        self._seed = seed
        self._until = None if seconds is None else time.monotonic() + seconds
        self._person = Person(place, seed, target)
        self._server = Server(place)
        self._ends = False
        self._lock = threading.Lock()
        self._sweeps = {"worker": 0, "caller": 0}
        self.errors: list[BaseException] = []
        self.peace_s = 0.0
        self.kills: Counter[str] = Counter()
        self.places: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.operations: dict[str, set[tuple[int, str]]] = {kind: set() for kind in self._sweeps}

    def fight(self, report: Callable[[str], None]) -> None:
        """Kill as many as are wanted; then let every run come to its end."""
        began = reported = time.monotonic()
        self._server.start()
        assert self._server.ready()
        parts = [self._servers, self._supervised, self._kernels, *(partial(self._forked, i) for i in range(_SLOTS))]
        threads = [threading.Thread(target=self._guarded, args=(part,)) for part in parts]
        person = threading.Thread(target=self._guarded, args=(lambda: self._person.live(lambda: self._ends),))
        try:
            person.start()
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                time.sleep(0.05)
                if time.monotonic() - reported > _REPORT_S:
                    reported = time.monotonic()
                    kinds = ", ".join(
                        f"{self._count(kind)} {kind}s" for kind in ("worker", "caller", "kernel", "server")
                    )
                    report(f"{reported - began:5.0f} s  {kinds}")
            self._person.stop_starting()
            self._peace(report)
        finally:
            self._ends = True
            for thread in (*threads, person):
                thread.join()
            self._server.end(signal.SIGTERM)

    def _peace(self, report: Callable[[str], None], within_s: float = 120) -> None:
        """Nobody is killed any more: wait until every run is over."""
        began = reported = time.monotonic()
        with Home(self._place.store, kind="shell") as home:
            while (left := self._person.open(home)) and time.monotonic() - began < within_s and not self.errors:
                if time.monotonic() - reported > _REPORT_S:
                    reported = time.monotonic()
                    report(f"peace: {len(left)} runs to come, {dict(Counter(str(row.status) for row in left))}")
                time.sleep(0.1)
        self.peace_s = time.monotonic() - began

    def _guarded(self, part: Callable[[], object]) -> None:
        try:
            part()
        except BaseException as error:  # noqa: BLE001  # a thread's error ends the battle and is raised there
            self.errors.append(error)

    # ---- what is left to do ----

    def _over(self, *, workers: bool = False) -> bool:
        late = self._until is not None and time.monotonic() > self._until
        return self._ends or bool(self.errors) or late or (workers and self._count("worker") >= self._wanted.workers)

    def _count(self, kind: str) -> int:
        with self._lock:
            return sum(n for name, n in self.kills.items() if name.startswith(kind))

    def _killed(self, what: str) -> None:
        with self._lock:
            self.kills[what] += 1

    # ---- the kinds ----

    def _servers(self) -> None:
        """One after the other at the same port, as fast as workers die; the last one stays."""
        rng = random.Random(f"{self._seed} servers")
        while self._paced("server", self._wanted.servers):
            self._server.wait(rng.uniform(0, 3))
            self._server.kill()
            self._killed("server, at a random time")
            if rng.random() < 0.5:
                self._server.start(operation=rng.randrange(1, _SERVER_SWEEP), when=rng.choice(strike.WHENS))
                died = self._server.wait(10)
                self._server.kill()
                self._killed(f"server, {'at an operation' if died else 'at a random time'}")
            self._server.start()
            assert self._server.ready()

    def _paced(self, kind: str, wanted: int) -> bool:
        """Wait until as large a share of the workers is dead as of *kind*; whether another one is to die."""
        while not self._over():
            killed = self._count(kind)
            if killed >= wanted:
                return False
            if self._count("worker") * wanted >= killed * self._wanted.workers:
                return True
            time.sleep(0.02)
        return False

    def _supervised(self) -> None:
        """The server's own workers, in processes of their own."""
        rng = random.Random(f"{self._seed} supervised")
        while not self._over(workers=True):
            time.sleep(rng.expovariate(5.0))
            if kind := kill_worker(self._place.store, rng):
                self._killed("worker, the server's" if kind == "worker" else f"worker's {kind}")

    def _kernels(self) -> None:
        rng = random.Random(f"{self._seed} kernels")
        number = 0
        loop = ensure_event_loop()  # the one that jupyter_client would make for this thread, and never close
        try:
            while self._paced("kernel", self._wanted.kernels):
                number += 1
                if how := play_kernel(self._place, number, rng, self._over):
                    self._killed(f"kernel, ipykernel, {how}")
        finally:
            loop.close()

    def _forked(self, slot: int) -> None:
        """Workers and callers, killed at random times and, in turn, at every store operation of a life."""
        rng = random.Random(f"{self._seed} forked {slot}")
        zygote = Zygote(self._place)
        try:
            with Home(self._place.store, kind="shell") as home:
                while True:
                    callers = self._count("caller") < self._wanted.callers
                    workers = self._count("worker") < self._wanted.workers
                    if self._over() or not (callers or workers):
                        return
                    share = self._wanted.callers / (self._wanted.callers + self._wanted.workers)
                    caller = callers and (not workers or rng.random() < 1.2 * share)
                    self._one(zygote, home, rng, "caller" if caller else "worker")
        finally:
            zygote.close()

    def _one(self, zygote: Zygote, home: Home, rng: random.Random, kind: str) -> None:
        lot = rng.random()
        aimed = self._next(kind) if lot < 0.4 else None
        strikes: dict[str, object] = {}
        if aimed is not None:
            strikes = {"operation": aimed[0], "when": aimed[1]}
        elif lot < 0.6:
            strikes = {"operation": rng.randrange(1, _COMMITS), "when": "during", "commits": True}
        life_s = _LATEST_S if strikes else rng.uniform(0, _LIFE_S)
        job: dict[str, object] = {"kind": kind, "seed": rng.getrandbits(32), "after_s": life_s, "strike": strikes}
        if kind == "worker":
            job["run"] = self._waiting(home, rng)
            if job["run"] is None:
                time.sleep(0.02)
                return
        became = zygote.play(**job)
        if not became["killed"]:
            self.ended[f"{kind}, code {became['code']}, after {became['seconds']:.0f} s"] += 1
            return
        struck = bool(strikes) and became["operations"] >= strikes["operation"]
        how = "at a random time" if not struck else "in a commit" if aimed is None else "at an operation"
        self._killed(f"{kind}, forked, {how}")
        with self._lock:
            self.places[became["place"]] += 1
            if struck and aimed is not None:
                self.operations[kind].add(aimed)

    def _next(self, kind: str) -> tuple[int, str]:
        """The operation that the sweep comes to now, and when it is struck."""
        with self._lock:
            turn, self._sweeps[kind] = self._sweeps[kind], self._sweeps[kind] + 1
        round_, place = divmod(turn, SWEEP)
        return place * _STRIDE % SWEEP + 1, strike.WHENS[(round_ + place) % len(strike.WHENS)]

    def _waiting(self, home: Home, rng: random.Random) -> str | None:
        """A run in whose environment a worker is wanted, or any."""
        try:
            queued = home.store.queued_environments()
            if queued:
                return rng.choice(sorted(queued.values()))
            return next((run.id for run in home.store.list(statuses=set(Status), limit=1).runs), None)
        except StoreError:
            return None
