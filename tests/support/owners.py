"""The owners of a store, as their cards name them."""

from __future__ import annotations

from pathlib import Path

from pdnb.coordination.home import Home
from pdnb.model import RunRecord
from pdnb.owner_id import OwnerId


def served_by(home: Home, *runs: RunRecord) -> set[int]:
    """The process ids of those that made the attempts of *runs*."""
    found = [OwnerId.parse(attempt.owner or "") for run in runs for attempt in home.store.attempts(run.id)]
    return {owner.pid for owner in found if owner is not None}


def owners_in(store: Path, kind: str = "*") -> list[OwnerId]:
    """The owners of the store in *store* that have cards, of one *kind* or of all."""
    found = [OwnerId.parse(card.stem) for card in (store / "owners").glob(f"{kind}-*.json")]
    return [owner for owner in found if owner is not None]
