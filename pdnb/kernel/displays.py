"""What magics show besides cards: a workflow's steps, and what an upgrade has changed."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from pdnb.kernel.step_order import Arrangement
from pdnb.views.vocabulary import DIFF_TONES, TONES
from pdnb.workflow.definition import Workflow


@dataclass(frozen=True)
class Steps:
    """A workflow's steps as a cell shows them; with its *arrangement*, also where their order comes from."""

    workflow: Workflow
    arrangement: Arrangement | None = None

    def __repr__(self) -> str:
        setup = f"  (+ {len(self.workflow.setup)} setup)" if self.workflow.setup else ""
        lines = [f"{self.workflow.name}: {' → '.join(self.workflow.names) or 'no steps yet'}{setup}"]
        if self.arrangement is not None and self.workflow.steps:
            lines.append(f"  order: {self.arrangement.origin}")
            lines.append(f"  notebook: {self.workflow.notebook or 'this host does not say which'}")
            lines += [f"  {line}" for line in self.arrangement.differences]
        return "\n".join(lines)


@dataclass(frozen=True)
class Diff:
    """What an upgrade has changed, as a cell shows it: a unified diff."""

    text: str

    def __repr__(self) -> str:
        return self.text or "nothing has changed: the run has today's code already"

    def _repr_html_(self) -> str:
        return f"<pre>{'<br>'.join(_line(line) for line in repr(self).splitlines())}</pre>"


def _line(line: str) -> str:
    tone = DIFF_TONES.get(line[:1])
    style = f"color:{TONES[tone].any}" if tone else ""
    return f'<span style="{style}">{escape(line)}</span>'
