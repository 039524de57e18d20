"""The order and membership of a notebook's steps: the notebook's own where it can be known, else with a word on it.

Rules:

- Where the saved notebook shows a step's cell, its position there is the step's. A step whose cell is gone from a
  notebook that was saved after the step was defined is gone too.
- An order that a person set with ``%pdnb steps a b c`` stands until they set another.
- Elsewhere a step keeps its place when its cell runs again, and a new one goes to the end; one that was run between two
  others that ran again (Run All after an insertion) goes between them. What speaks against that order is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from pdnb.kernel.current_cell import RunningCell
from pdnb.kernel.notebook_file import SavedNotebook
from pdnb.workflow.definition import Workflow


@dataclass(frozen=True)
class Place:
    """Where and when (Unix nanoseconds) something was defined in this kernel."""

    cell: RunningCell
    at_ns: int


@dataclass(frozen=True)
class Arrangement:
    """A workflow in its order, where that comes from, and a line for everything that differs from the notebook.

    ``taken_out``: a line for each step that was taken out just now, because its cell is gone.
    """

    workflow: Workflow
    origin: str
    differences: tuple[str, ...] = ()
    taken_out: tuple[str, ...] = ()


@dataclass
class StepOrder:
    """What is known of one workflow's cells. ``explicit``: the names that a person put in order."""

    places: dict[str, Place] = field(default_factory=dict)
    setups: dict[str, Place] = field(default_factory=dict)
    explicit: tuple[str, ...] | None = None
    _pass: list[str] = field(default_factory=list)  # the steps run since one was run twice, or a run was started
    _new: dict[str, bool] = field(default_factory=dict)  # those of them that are new; whether others ran again before
    _again: bool = False  # whether a step was run again in this pass
    _guessed: dict[str, str] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)  # the steps that the saved notebook has shown
    _ids_fit: bool = False  # whether the ids that the host tells are those in the file (VS Code tells others)

    def defined(self, workflow: Workflow, name: str, place: Place, *, new: bool) -> Workflow:
        """*workflow* after its step *name* was defined at *place*; *new*: it was not there before."""
        if name in self._pass:
            self._begin_pass()
        self.places[name] = place
        if new:
            if len(workflow.names) > 1 and workflow.names != (*self._pass, name):
                self._new[name] = self._again
            self._guessed.pop(name, None)
        else:
            self._again = True
            for other, between in self._new.items():
                names = workflow.names
                if between and names.index(other) > names.index(name):
                    moved = [n for n in names if n != other]
                    moved.insert(moved.index(name), other)
                    workflow = workflow.ordered(*moved)
                    self._guessed[other] = name
        self._pass.append(name)
        return workflow

    def started(self) -> None:
        """A run was started: what runs from here on is another pass."""
        self._begin_pass()

    def forget(self, name: str) -> None:
        """The step *name* is no more."""
        self.places.pop(name, None)
        self._guessed.pop(name, None)
        self._new.pop(name, None)
        if name in self._pass:
            self._pass.remove(name)
        if self.explicit is not None:
            self.explicit = tuple(n for n in self.explicit if n != name)

    def renamed(self, old: str, new: str) -> None:
        """The cell of step *old* defines *new* now."""
        if self.explicit is not None:
            self.explicit = tuple(new if n == old else n for n in self.explicit)
        explicit = self.explicit
        self.forget(old)
        self.explicit = explicit

    def arrange(self, workflow: Workflow, saved: SavedNotebook | None) -> Arrangement:
        """*workflow* in the notebook's order, as far as *saved* and this kernel know it."""
        said: list[str] = []
        gone: list[str] = []
        if saved is not None:
            self._ids_fit = self._ids_fit or any(
                saved.spot(place.cell.id) is not None for place in self.places.values()
            )
            workflow = self._without_gone(workflow, saved, said, gone)
        spots = {} if saved is None else self._spots(workflow, saved)
        order = _merged(workflow.names, spots)
        origin = "as their cells were first run: no saved notebook shows these steps"
        if saved is not None and spots:
            origin = f"the notebook's, as saved in {saved.path.name}"
        if self.explicit is not None:
            origin = "set by %pdnb steps"
            order = self._explicit_order(workflow, order)
        workflow = workflow.ordered(*order)
        if saved is not None:
            if any(place.at_ns < saved.saved_ns for place in self.places.values()) and workflow.steps and not spots:
                said.append(f"none of these steps has its cell in {saved.path.name}: is it this notebook's file?")
            else:
                workflow = replace(workflow, setup=self._setups(workflow, saved, said))
            said += self._against(workflow, saved)
        if self.explicit is None:
            said += self._doubts(workflow, spots, saved)
        return Arrangement(workflow, origin, tuple(dict.fromkeys(said)), tuple(gone))

    # ---- from the saved notebook ----

    def _spots(self, workflow: Workflow, saved: SavedNotebook) -> dict[str, int]:
        """The positions of the steps whose cells are in the notebook: found by the cell's id, else by their name."""
        found: dict[str, int] = {}
        for name in workflow.names:
            place = self.places.get(name)
            spot = saved.spot(place.cell.id) if place is not None else None
            new = place is not None and place.cell.id is not None and self._ids_fit and place.at_ns >= saved.saved_ns
            if spot is None and not new:  # a cell that was not saved yet is no other one of its step's name
                spot = next((cell.cell.number - 1 for cell, other in saved.steps(workflow.name) if other == name), None)
            if spot is not None:
                found[name] = spot
        return found

    def _without_gone(self, workflow: Workflow, saved: SavedNotebook, said: list[str], gone: list[str]) -> Workflow:
        """*workflow* without the steps whose cells are gone from the notebook: *gone* gets a line for each."""
        spots = self._spots(workflow, saved)
        self._seen |= spots.keys()
        if not spots:
            return workflow  # it may be another notebook's file: what it lacks says nothing
        for name in workflow.names:
            place = self.places.get(name)
            if place is None or place.at_ns >= saved.saved_ns:
                continue
            now = saved.ordinary(place.cell.id, place.cell.source)
            if name in spots and now is None:
                continue
            if now is not None:
                workflow = workflow.without(name)
                self.forget(name)
                gone.append(f"step {name!r} was taken out: {now} of {saved.path.name} is no step now")
                continue
            if name not in self._seen and not (place.cell.id is not None and self._ids_fit):
                continue  # it was never seen there, and this host's ids are not the file's
            if name in (self.explicit or ()):
                said.append(
                    f"step {name!r} has no cell in {saved.path.name} and stays, because %pdnb steps set the order: "
                    f"to take it out, %pdnb steps --remove {name}"
                )
                continue
            workflow = workflow.without(name)
            self.forget(name)
            gone.append(
                f"step {name!r} was taken out: its cell is no longer in {saved.path.name} "
                "(run its cell again to have it back)"
            )
        return workflow

    def _setups(self, workflow: Workflow, saved: SavedNotebook, said: list[str]) -> tuple[str, ...]:
        """The setup cells as the notebook has them; *said* gets a line for each that has changed there."""
        spots: dict[str, int] = {}
        kept: list[str] = []
        for source in workflow.setup:
            place = self.setups.get(source)
            spot = None if place is None else saved.spot(place.cell.id)
            if (
                place is not None
                and place.at_ns < saved.saved_ns
                and saved.ordinary(place.cell.id, place.cell.source) is not None
            ):
                del self.setups[source]
                continue
            if spot is not None and place is not None:
                spots[source] = spot
                there = saved.cell(place.cell.id)
                if there and there.loaded and there.loaded.source != source and place.at_ns < saved.saved_ns:
                    said.append(
                        f"{there.where} of the notebook, a %%setup cell, has changed since it was run here: run it"
                    )
            elif place is not None and place.cell.id is not None and place.at_ns < saved.saved_ns:
                del self.setups[source]
                continue
            kept.append(source)
        return _merged(kept, spots)

    def _against(self, workflow: Workflow, saved: SavedNotebook) -> Iterator[str]:
        """What the saved notebook says that this kernel does not know."""
        here = {place.cell.id: name for name, place in self.places.items() if place.cell.id}
        cells: dict[str, list[str]] = {}
        for cell, name in saved.steps(workflow.name):
            cells.setdefault(name, []).append(cell.where)
            now = here.get(cell.cell.id or "")
            place = self.places.get(now or name)
            if now is not None and now != name:
                yield f"{cell.where} of the notebook defines step {name!r} now, and was run as {now!r}: run it again"
            elif name not in workflow.names:
                yield f"{cell.where} of the notebook defines step {name!r}, which was not run here: run the cell"
            elif place is not None and place.at_ns < saved.saved_ns and cell.loaded is not None:
                source = next(step.source for step in workflow.steps if step.name == name)
                if cell.loaded.source != source and (place.cell.id in (None, cell.cell.id)):
                    yield f"{cell.where} of the notebook, step {name!r}, has changed since it was run here: run it"
        for name, places in cells.items():
            if len(places) > 1:
                yield (
                    f"{' and '.join(places)} of the notebook both define step {name!r}; the one that was run last "
                    "counts: give one of them another name"
                )
        for saved_cell in saved.cells:
            if saved_cell.problem:
                yield f"in the notebook, {saved_cell.problem}"
            now = here.get(saved_cell.cell.id or "")
            place = self.places.get(now) if now is not None else None
            old = place is not None and place.at_ns < saved.saved_ns and place.cell.source != saved_cell.cell.source
            if old and saved_cell.loaded is None and not saved_cell.problem:
                yield (
                    f"{saved_cell.where} of the notebook was run as step {now!r} and is no step now: "
                    f"to take it out, %pdnb steps --remove {now}"
                )

    # ---- from what was run here ----

    def _explicit_order(self, workflow: Workflow, order: Sequence[str]) -> tuple[str, ...]:
        """The person's order; a step that is new since stands behind the one before it in *order*."""
        explicit = [name for name in self.explicit or () if name in workflow.names]
        return _merged(order, {name: i for i, name in enumerate(explicit)})

    def _doubts(self, workflow: Workflow, spots: dict[str, int], saved: SavedNotebook | None) -> Iterator[str]:
        """What cannot be known of the order, and how to mend it."""
        names = workflow.names
        unsaved = [name for name in names if name not in spots] if spots else []
        for name in unsaved:
            yield (
                f"step {name!r} stands {_where(name, names)}, but its cell is not in the notebook as saved last: "
                f"save the notebook, or set the order: %pdnb steps {' '.join(names)}"
            )
        for name, before in self._guessed.items():
            if name in names and before in names and name not in spots and name not in unsaved:
                yield (
                    f"step {name!r} is new and stands before {before!r}, because its cell was run before that one: "
                    f"if the notebook has another order, set it: %pdnb steps {' '.join(names)}"
                )
        ran = [name for name in self._pass if name in names]
        if any(name in spots and (saved is None or self.places[name].at_ns < saved.saved_ns) for name in ran):
            return  # the notebook was saved since: it knows better
        wanted = iter(ran)
        suggested = tuple(next(wanted) if name in ran else name for name in names)
        whole = len(ran) == len(names) or any(name in self._new for name in ran)
        if suggested != names and whole and not unsaved:
            yield (
                f"the steps' cells were run last in the order {' → '.join(suggested)}, and the workflow's order is "
                f"{' → '.join(names)}: if the notebook has the first, save it, or set the order: "
                f"%pdnb steps {' '.join(suggested)}"
            )
        missing = [name for name in names if name not in ran]  # what the notebook shows of them may be gone by now
        if self._again and len(ran) > 1 and ran[0] == names[0] and missing and not unsaved:
            yield (
                f"{_listed(missing)} not run again with the others: if the cell is gone from the notebook, "
                f"%pdnb steps --remove {' '.join(missing)}"
            )

    def _begin_pass(self) -> None:
        self._pass, self._new, self._again = [], {}, False


def _merged(names: Sequence[str], spots: dict[str, int]) -> tuple[str, ...]:
    """*names* in the order of their *spots*; one that has none stays behind the one before it."""
    order = sorted((name for name in names if name in spots), key=lambda name: spots[name])
    for i, name in enumerate(names):
        if name not in spots:
            order.insert(order.index(names[i - 1]) + 1 if i else 0, name)
    return tuple(order)


def _where(name: str, names: Sequence[str]) -> str:
    i = names.index(name)
    return f"behind {names[i - 1]!r}" if i else "first"


def _listed(names: Sequence[str]) -> str:
    quoted = " and ".join(repr(name) for name in names)
    return f"step {quoted} was" if len(names) == 1 else f"steps {quoted} were"


def defined_twice(name: str, before: Place, now: Place, saved: SavedNotebook | None) -> str | None:
    """What to say when step *name* was defined by two cells that the host tells apart; ``None``: it is one cell."""
    if before.cell.id is None or now.cell.id is None or before.cell.id == now.cell.id:
        return None
    if saved is not None and saved.saved_ns > before.at_ns and saved.spot(before.cell.id) is None:
        return None  # the other cell is gone: it was cut and pasted
    return (
        f"step {name!r} is defined by two cells, {before.cell.where} and {now.cell.where}: the one that was run last "
        "counts. If both are still there, give one of them another name"
    )


def first_with(cell: RunningCell, orders: Iterable[tuple[str, StepOrder]]) -> tuple[str, str] | None:
    """The workflow and the step that the same cell of the notebook defined when it was run before."""
    for workflow, order in orders:
        for name, place in order.places.items():
            if cell.id is not None and place.cell.id == cell.id and place.cell.execution != cell.execution:
                return workflow, name
    return None
