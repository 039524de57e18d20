"""A snapshot of a workflow: its cells, and the source of every name they use, as bound in the notebook now.

Rules:

- What a ``%%setup`` cell binds needs no capturing: the cell is part of the workflow.
- A module becomes its import, something importable a from-import, a JSON literal its literal, a function or class of
  the notebook the source it was defined by, with what that needs in turn. Anything else is refused.
- A step works on a copy of the names: one that reads a name which a function assigns by ``global`` is refused.
- Everything that cannot be captured is reported at once, a line each.
- Imports and literals come first, then every cell after what it needs when it executes. Names that are used inside a
  function's body are defined before it where that is possible, because a setup cell may call it.
- The same notebook gives the same code, and so the same version id.
"""

from __future__ import annotations

import builtins
import types
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from pdnb.capture.imports import module_import
from pdnb.capture.ordering import Node, label, ordered
from pdnb.capture.safe_getattr import MISSING, NotCaptured, is_a, text_in
from pdnb.capture.values import Captured, Undefined, Values
from pdnb.errors import CaptureError
from pdnb.workflow.cell import compile_setup, parse
from pdnb.workflow.definition import Step, Workflow
from pdnb.workflow.local_modules import fingerprints
from pdnb.workflow.missing_names import elsewhere
from pdnb.workflow.names import BUILTINS, PROVIDED, Names, read_names
from pdnb.workflow.version import Environment, WorkflowVersion
from pdnb.workflow.wall_clocks import check_lengths


def snapshot(
    workflow: Workflow, names: Mapping[str, object], environment: Environment, *, beside: Sequence[Step] = ()
) -> WorkflowVersion:
    """The version of *workflow* that a run carries; *names* is the notebook's namespace.

    *beside*: where *workflow* is a part of another one, all steps of that; refusals say which of them has a name.
    Raises ``CaptureError`` with a line for every name that cannot be captured, ``CellSyntaxError`` and
    ``DefinitionError`` for cells that cannot be used as written.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the user saw them when the cell was defined
        cells = [parse(step.source, filename=f"<step {step.name} of {workflow.name}>") for step in workflow.steps]
        for step in workflow.steps:
            check_lengths(step.source, f"step {step.name} of {workflow.name}")
        for i, source in enumerate(workflow.setup, 1):
            compile_setup(source, filename=f"<%%setup cell {i} of {workflow.name}>")
    setup = [read_names(source, filename=f"<%%setup cell {i}>") for i, source in enumerate(workflow.setup, 1)]
    notebook = _Notebook(names, setup)
    problems = [
        line
        for step, cell in zip(workflow.steps, cells, strict=True)
        for line in notebook.follow(
            f"step {step.name!r}",
            cell.names,
            given=cell.provided,
            elsewhere=partial(elsewhere, steps=beside or workflow.steps, here=step.name),
        )
    ]
    for i, needs in enumerate(setup):
        problems += notebook.follow(label(i), needs, here=i)
    if problems:
        raise CaptureError("\n".join(dict.fromkeys(problems)))
    taken = notebook.cells(workflow.setup)
    sources = [*taken, *(step.source for step in workflow.steps)]
    return WorkflowVersion(
        name=workflow.name,
        steps=workflow.steps,
        setup=taken,
        environment=environment,
        notebook=workflow.notebook,
        modules=fingerprints(sources, environment.path, environment.cwd),
    )


class _Notebook:
    """What the names in a run's code refer to: objects of one notebook, or the workflow's setup cells."""

    def __init__(self, names: Mapping[str, object], setup: Sequence[Names]) -> None:
        self.names = names
        self.setup = setup
        self.values = Values(names)
        self.captured: dict[str, Captured] = {}
        self.dotted: set[str] = set()

    # -- resolving names to the code that defines them

    def follow(
        self,
        cell: str,
        needs: Names,
        *,
        here: int | None = None,
        given: frozenset[str] = PROVIDED,
        elsewhere: Callable[[str], str | None] = lambda _: None,
    ) -> Iterator[str]:
        """Capture all that a cell needs, directly or not; yield a line for each name that cannot be captured.

        ``here``: the cell's index, if it is a setup cell. ``given``: names that executing it provides.
        ``elsewhere``: what to say of a name that the notebook does not have.
        """
        seen: set[str] = set()
        own = needs.free - given if here is None else frozenset()
        waiting = deque([(f"{cell} uses ", needs, here, given)])
        while waiting:
            path, needs, here, given = waiting.popleft()
            self.dotted |= needs.dotted
            for name, node in self.targets(needs, here=here, given=given):
                if node != name or name in seen:
                    continue
                seen.add(name)
                try:
                    captured = self.captured[name] = self.captured.get(name) or self.values.capture(name)
                except NotCaptured as reason:
                    if not (isinstance(reason, Undefined) and self.may_be_unknown(name, needs)):
                        found = elsewhere(name) if isinstance(reason, Undefined) else None
                        yield f"{path}{name!r}" + (f", which {found}" if found else str(reason))
                else:
                    waiting.append((f"{path}{name!r} ({captured.what}), which uses ", captured.names, None, PROVIDED))
        for function in sorted(seen & self.captured.keys()):
            for name in sorted(own & seen & self.captured[function].names.assigns):
                yield (
                    f"{cell} uses {name!r}, which {function!r} assigns by 'global {name}', and a step would not see "
                    f"that: return it from {function!r}, or read it in a function too"
                )

    def may_be_unknown(self, name: str, needs: Names) -> bool:
        return name in needs.early or needs.star or any(cell.star for cell in self.setup)

    def targets(
        self, needs: Names, *, here: int | None = None, given: frozenset[str] = PROVIDED
    ) -> Iterator[tuple[str, Node]]:
        """Each name needed, with where it comes from: a setup cell's index, or itself if from the notebook."""
        for name in sorted(needs.free - given):
            provider = self.provider(name, here, early=name in needs.early)
            if provider is not None:
                yield name, provider
            elif name not in BUILTINS or self.rebound(name):
                yield name, name

    def provider(self, name: str, here: int | None, *, early: bool) -> int | None:
        """The setup cell that *name* comes from: the last that binds it, for a setup cell the last before it."""
        found = [i for i, cell in enumerate(self.setup) if name in cell.binds]
        found = found or [i for i, cell in enumerate(self.setup) if name in cell.assigns - cell.early]
        if here is None:
            return found[-1] if found else None
        before = [i for i in found if i < here]
        after = [] if early else [i for i in found if i > here]
        return before[-1] if before else next(iter(after), None)

    def rebound(self, name: str) -> bool:
        """Whether the notebook uses a builtin's name for something else (IPython does too: ``open``, ``exit``)."""
        obj = self.names.get(name, MISSING)
        if obj is MISSING or obj is getattr(builtins, name, None) or name.startswith("__"):
            return False
        homes = {text_in(obj, "__module__"), type(obj).__module__}
        if type(obj) is types.FunctionType:
            homes.add(obj.__globals__.get("__name__"))
        return not any(str(home).startswith(("IPython.", "ipykernel.")) for home in homes)

    # -- in which order it executes

    def cells(self, sources: Sequence[str]) -> tuple[str, ...]:
        """The cells of the run's setup: imports, literals, then definitions and the setup cells *sources*."""
        first = [self._lines("import"), self._lines("literal")]
        definitions = {name: it for name, it in sorted(self.captured.items()) if it.kind == "definition"}
        hard: dict[Node, list[Node]] = {i: [i - 1] if i else [] for i in range(len(sources))}
        hard |= {name: [] for name in definitions}
        soft: dict[Node, list[Node]] = {node: [] for node in hard}
        needed: dict[Node, Names] = dict(enumerate(self.setup))
        needed |= {name: captured.names for name, captured in definitions.items()}
        for node, needs in needed.items():
            for name, target in self.targets(needs, here=node if isinstance(node, int) else None):
                if target in hard:
                    (hard if name in needs.now else soft)[node].append(target)
        texts: dict[Node, str] = {**dict(enumerate(sources)), **{name: t.source for name, t in definitions.items()}}
        return (*filter(None, first), *(texts[node] for node in ordered(hard, soft)))

    def _lines(self, kind: str) -> str:
        lines = []
        for name, captured in sorted(self.captured.items()):
            obj: Any = self.names[name]
            if captured.kind == kind:
                used = [path.split(".")[1:] for path in sorted(self.dotted) if path.startswith(f"{name}.")]
                lines.append(module_import(name, obj, used) if is_a(obj, types.ModuleType) else captured.source)
        return "\n".join(lines)
