"""The owners of a store, as their cards name them."""

from __future__ import annotations

from pathlib import Path

from pdnb.owner_id import OwnerId


def owners_in(store: Path, kind: str = "*") -> list[OwnerId]:
    """The owners of the store in *store* that have cards, of one *kind* or of all."""
    found = [OwnerId.parse(card.stem) for card in (store / "owners").glob(f"{kind}-*.json")]
    return [owner for owner in found if owner is not None]
