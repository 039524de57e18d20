"""Approve and Cancel below a card where no server's page draws them: plain widgets, with the fields of a form.

They mean the attempt that is on display. When the run moves on they are for the next one, or gone; where nobody works
on what was approved, that is said instead.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any, Final

import ipywidgets

from pdnb import forms
from pdnb.client import Run
from pdnb.decisions import answer_from_fields
from pdnb.errors import BadAnswer, PdnbError
from pdnb.forms import Field
from pdnb.links import redact
from pdnb.model import JSON, Prompt, Status
from pdnb.views.markdown import to_text
from pdnb.views.phrases import NO_SERVER

_LAYOUT: Final = {"width": "30rem"}
_STYLE: Final = {"description_width": "9rem"}
_NOBODY: Final = f"{NO_SERVER} Or call the run's <code>wait()</code> here."


class Buttons(ipywidgets.VBox):
    """The answer to *run*, whatever it waits for.

    *answered* is called after a decision was taken here; *served* tells whether a server keeps the store.
    """

    def __init__(self, run: Run, answered: Callable[[], object], served: Callable[[], bool]) -> None:
        super().__init__()
        self._run, self._answered, self._has_leader = run, answered, served
        self._shown: object = None
        self._prompt: Prompt | None = None  # with a form
        self._fields: list[tuple[Field, Any]] = []
        self._said = ipywidgets.HTML()
        self.approve = ipywidgets.Button(description="Approve", button_style="primary")
        self.cancel = ipywidgets.Button(tooltip="Ends the run; this cannot be undone")
        self.approve.on_click(lambda _: self._decide(self._resume))
        self.cancel.on_click(lambda _: self._ask_twice())
        self.look()

    def look(self) -> None:
        """Offer what fits the run as it is now."""
        row = self._run.refresh().row
        stuck = row.status is Status.QUEUED and not self._has_leader()
        waits = (row.step, row.runs) if row.status.waits else None
        if (waits, stuck) == self._shown:
            return
        self._shown = waits, stuck
        self._said.value = _NOBODY if stuck else ""
        self.cancel.description, self.cancel.button_style = "Cancel", ""
        for _, widget in self._fields:
            widget.close()
        self._prompt, self._fields = None, []
        if waits is None:
            self.children = (self._said,) if stuck else ()
            return
        prompt = self._run.prompt
        if prompt is not None and prompt.form is not None:
            self._prompt = prompt
            self._fields = [(field, _widget(field)) for field in forms.fields(prompt.form)]
        self.approve.description = "Approve" if row.status is Status.SUSPENDED else "Resume now"
        text = to_text(redact(prompt.message)) if prompt is not None and prompt.message else ""
        asked = [ipywidgets.HTML(escape(text).replace("\n", "<br>"))] if text else []
        buttons = ipywidgets.HBox([self.approve, self.cancel])
        self.children = (*asked, *(widget for _, widget in self._fields), buttons, self._said)

    def _resume(self) -> None:
        body = None
        if self._prompt is not None:
            strings = {field.name: _string(field, widget) for field, widget in self._fields}
            body = answer_from_fields(self._prompt, {name: text for name, text in strings.items() if text is not None})
        self._run.resume(body, via="card")

    def _ask_twice(self) -> None:
        """A cancelled run does not come back: the first click asks."""
        if self.cancel.button_style == "danger":
            self._decide(lambda: self._run.cancel(via="card"))
        else:
            self.cancel.description, self.cancel.button_style = "Really cancel?", "danger"

    def _decide(self, decide: Callable[[], object]) -> None:
        try:
            decide()
        except BadAnswer as error:
            lines = "".join(f"<li>{escape(redact(problem))}</li>" for problem in error.problems)
            self._said.value = f"<p>Please correct:</p><ul>{lines}</ul>"
        except PdnbError as error:
            self._said.value = escape(redact(str(error)))
        else:
            self._answered()
            self.look()


def _widget(field: Field) -> Any:
    """What a person fills the field in with."""
    title = field.title if field.required else f"{field.title} (optional)"
    options = {"description": title, "tooltip": field.description, "layout": _LAYOUT, "style": _STYLE}
    given = field.default
    match field.kind:
        case "boolean":
            return ipywidgets.Checkbox(value=bool(given), **options)
        case "choice":
            keys = [("—", ""), *((choice.label, choice.key) for choice in field.choices)]
            chosen = next((choice.key for choice in field.choices if choice.value == given), "")
            return ipywidgets.Dropdown(options=keys, value=chosen, **options)
        case "choices":
            keys = [(choice.label, choice.key) for choice in field.choices]
            marked = [choice.key for choice in field.choices if isinstance(given, list) and choice.value in given]
            return ipywidgets.SelectMultiple(options=keys, value=marked, **options)
        case "multiline" | "json":
            return ipywidgets.Textarea(value=_text(given), **options)
        case _:
            return ipywidgets.Text(value=_text(given), placeholder=field.placeholder or "", **options)


def _string(field: Field, widget: Any) -> str | list[str] | None:
    """What an HTML form would send for it."""
    if field.kind == "boolean":
        return "on" if widget.value else None
    return list(widget.value) if field.kind == "choices" else str(widget.value)


def _text(value: JSON) -> str:
    return "" if value is None else str(value)
