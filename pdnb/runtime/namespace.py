"""Where the code of one wake-up executes: one real module, as fresh for every step as the setup left it.

Rules:

- The module stands in ``sys.modules`` while the wake-up lasts: dataclasses, ``pickle`` and their like look there.
- The setup cells execute once per wake-up, at its first step. An exception in them is the user's own; the next attempt
  starts afresh.
- A step executes in the module itself, so that its own functions and classes are found there by their names; what it
  bound or changed there is gone at the next step.
- ``__main__`` is never touched.
"""

from __future__ import annotations

import sys
from types import ModuleType, TracebackType
from typing import Any, Final, Self

from pdnb.runtime.importable import Importable
from pdnb.workflow.cell import Cell, compile_setup
from pdnb.workflow.compiling import OFFSET, show_in_tracebacks
from pdnb.workflow.local_modules import LocalModules, changed
from pdnb.workflow.version import WorkflowVersion

_PREFIX: Final = "pdnb_workflow_"


class Namespace:
    """The module of one wake-up with the code of *version*; a context manager, which takes it away."""

    def __init__(self, version: WorkflowVersion) -> None:
        self.version = version
        name = _PREFIX + version.id[:12]
        while name in sys.modules:  # of another wake-up of this process
            name += "_"
        self._module = ModuleType(name, f"The code of a run of {version.name!r}.")
        self._importable = Importable(name)
        self.modules = LocalModules(version.modules, version.environment.path, version.environment.cwd)
        self._setup: dict[str, Any] | None = None
        self._noticed = False

    def fresh(self, cell: Cell) -> dict[str, Any]:
        """The module's names, as the setup left them, for one attempt of the step *cell*.

        Raises ``CellSyntaxError`` for a setup cell that does not parse, and whatever the setup raises.
        """
        names = vars(self._module)
        sys.modules[self._module.__name__] = self._module
        if self._setup is None:
            self._set_up(names)
        file = self._importable.show(self.version.setup, cell)
        names.clear()
        before = sum(source.count("\n") + 1 for source in self.version.setup)
        names.update(self._setup or {}, __file__=file, **{OFFSET: before})
        return names

    def _set_up(self, names: dict[str, Any]) -> None:
        version, pristine = self.version, dict(names)
        tag = f"of {version.name} {version.id[:12]}"
        cells = [(source, f"<setup {i} {tag}>") for i, source in enumerate(version.setup, 1)]
        codes = [compile_setup(source, filename=filename) for source, filename in cells]
        names["__file__"] = self._importable.show(version.setup, None)
        try:
            names[OFFSET] = 0
            for code, (source, filename) in zip(codes, cells, strict=True):
                show_in_tracebacks(source, filename)
                exec(code, names)
                names[OFFSET] += source.count("\n") + 1
        except BaseException:
            names.clear()
            names.update(pristine)
            raise
        self._setup = dict(names)

    def notice(self) -> str | None:
        """That local modules have changed since the run started; ``None`` if not, or if it was said before."""
        if self._noticed or not self.version.modules:
            return None
        self._noticed = True
        environment = self.version.environment
        names = changed(self.version.modules, environment.path, environment.cwd)
        if not names:
            return None
        which, has = ", ".join(names[:5]) + ("…" if len(names) > 5 else ""), "has" if len(names) == 1 else "have"
        return f"pdnb: {which} {has} changed since this run started; it goes on with the new text"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if sys.modules.get(self._module.__name__) is self._module:
            del sys.modules[self._module.__name__]
        self._setup = None
        self._importable.remove()
