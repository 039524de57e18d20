"""``python -m tests.chaos [--kills 10000] [--seconds S] [--seed N] [--keep]``: the battle, the check, and a table."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.chaos.battle import SWEEP, Battle, Wanted
from tests.chaos.checker import LAWS, Verdict, check
from tests.chaos.players import Place


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__, allow_abbrev=False)
    parser.add_argument("--kills", type=int, default=10_000, help="how many SIGKILLs")
    parser.add_argument("--seconds", type=float, help="stop killing after this time")
    parser.add_argument("--seed", type=int, default=1, help="other times, other workflows, another order")
    parser.add_argument("--keep", action="store_true", help="keep the directory also when all is well")
    given = parser.parse_args()
    place = Place(Path(tempfile.mkdtemp(prefix="pdnb-chaos-")))
    print(f"{place.directory}, seed {given.seed}, {os.cpu_count()} cores", flush=True)
    began = time.monotonic()
    battle = Battle(place, Wanted.of(given.kills), seed=given.seed, seconds=given.seconds)
    battle.fight(lambda line: print(line, flush=True))
    fought_s = time.monotonic() - began
    _tell_battle(battle, fought_s)
    verdict = check(place.store, place.history)
    _tell_verdict(verdict)
    for error in battle.errors:
        traceback.print_exception(error)
    if battle.errors or any(verdict.violations.values()):
        sys.exit(f"kept for you to look at: {place.directory} (history.jsonl, *.log, store/)")
    if not given.keep:
        shutil.rmtree(place.directory)


def _tell_battle(battle: Battle, fought_s: float) -> None:
    print(f"\n{battle.kills.total()} SIGKILLs in {fought_s / 60:.1f} minutes")
    print(f"the last run ended {battle.peace_s:.1f} s after the last kill")
    for what, count in sorted(battle.kills.items()):
        print(f"  {count:6}  {what}")
    print("what forked players were at when they died")
    for what, count in battle.places.most_common():
        print(f"  {count:6}  {what}")
    for kind, operations in battle.operations.items():
        print(
            f"  {len(operations):6}  of {3 * SWEEP} places: before, during and after operation 1 to {SWEEP} of a {kind}"
        )
    print("what ended by itself")
    for what, count in sorted(battle.ended.items()):
        print(f"  {count:6}  {what}", flush=True)


def _tell_verdict(verdict: Verdict) -> None:
    print("what there was")
    for what, count in sorted((verdict.figures + verdict.ends).items()):
        print(f"  {count:6}  {what}")
    print("what must not be")
    for law in LAWS:
        print(f"  {len(verdict.violations[law]):6}  {law}")
        for line in verdict.violations[law][:20]:
            print(f"          {line}")


if __name__ == "__main__":
    main()
