"""Approve and Cancel below a card that has no server to draw them: plain widgets, with the fields of a form.

They apply to the attempt on display. When the run moves on they are drawn anew for its next pause, or go; where no
leader takes the run on once it was approved, a text says so instead.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any, Final

import ipywidgets

from pdnb.client import Run
from pdnb.decisions import answer_from_fields
from pdnb.errors import BadAnswer, PdnbError
from pdnb.forms import moments
from pdnb.forms.fields import Field, form_fields, hint_of
from pdnb.forms.form_post import default_strings
from pdnb.links import redact
from pdnb.model import Prompt, Status
from pdnb.pauses import PAUSES
from pdnb.views.markdown import to_text
from pdnb.views.phrases import NO_LEADER
from pdnb.views.vocabulary import VERBS

_LAYOUT: Final = {"width": "30rem"}
_STYLE: Final = {"description_width": "9rem"}
_NO_LEADER: Final = f"{NO_LEADER} Or call the run's <code>wait()</code> here."
_CANCEL: Final = VERBS["cancel"]


class Buttons(ipywidgets.VBox):
    """The buttons that answer *run*.

    *on_decision* is called after a decision was made here; *has_leader* tells whether the store has a leader.
    """

    def __init__(self, run: Run, on_decision: Callable[[], object], has_leader: Callable[[], bool]) -> None:
        super().__init__()
        self._run, self._on_decision, self._has_leader = run, on_decision, has_leader
        self._shown: object = None
        self._prompt: Prompt | None = None  # with a form
        self._fields: list[tuple[Field, Any]] = []
        self._notice = ipywidgets.HTML()
        self.approve = ipywidgets.Button(button_style="primary")
        self.cancel = ipywidgets.Button(tooltip=_CANCEL.warning)
        self.approve.on_click(lambda _: self._decide(self._resume))
        self.cancel.on_click(lambda _: self._confirm_or_cancel())
        self.look()

    def look(self) -> None:
        """Draw what fits the run as it is now, if that has changed."""
        row = self._run.refresh().record
        stuck = row.status is Status.QUEUED and not self._has_leader()
        waits = (row.step, row.runs) if row.pause is not None else None
        if (waits, stuck) == self._shown:
            return
        self._shown = waits, stuck
        self._notice.value = _NO_LEADER if stuck else ""
        self.cancel.description, self.cancel.button_style = _CANCEL.buttons[Status.SUSPENDED], ""
        for _, widget in self._fields:
            widget.close()
        self._prompt, self._fields = None, []
        if row.pause is None:
            self.children = (self._notice,) if stuck else ()
            return
        prompt = self._run.prompt
        if prompt is not None and prompt.form is not None:
            self._prompt = prompt
            shown = default_strings(prompt.form)
            self._fields = [(field, _widget(field, shown.get(field.name, ""))) for field in form_fields(prompt.form)]
        self.approve.description = PAUSES[row.pause.kind].button
        text = to_text(redact(prompt.message)) if prompt is not None and prompt.message else ""
        message = [ipywidgets.HTML(escape(text).replace("\n", "<br>"))] if text else []
        buttons = ipywidgets.HBox([self.approve, self.cancel])
        self.children = (*message, *(widget for _, widget in self._fields), buttons, self._notice)

    def _resume(self) -> None:
        body = None
        if self._prompt is not None:
            strings = {field.name: _string(field, widget) for field, widget in self._fields}
            body = answer_from_fields(self._prompt, {name: text for name, text in strings.items() if text is not None})
        self._run.resume(body, via="card")

    def _confirm_or_cancel(self) -> None:
        """Cancelling cannot be undone: the first click asks, the second one does it."""
        if self.cancel.button_style == "danger":
            self._decide(lambda: self._run.cancel(via="card"))
        else:
            self.cancel.description, self.cancel.button_style = _CANCEL.confirm, "danger"

    def _decide(self, decide: Callable[[], object]) -> None:
        try:
            decide()
        except BadAnswer as error:
            lines = "".join(f"<li>{escape(redact(problem))}</li>" for problem in error.problems)
            self._notice.value = f"<p>Please correct:</p><ul>{lines}</ul>"
        except PdnbError as error:
            self._notice.value = escape(redact(str(error)))
        else:
            self._on_decision()
            self.look()


def _widget(field: Field, shown: str | list[str]) -> Any:
    """The widget in which a person fills in *field*; *shown* is what an HTML form would hold."""
    title = field.title if field.required else f"{field.title} (optional)"
    hint = " ".join(filter(None, [field.description, hint_of(field)]))
    options = {"description": title, "tooltip": hint, "layout": _LAYOUT, "style": _STYLE}
    match field.kind:
        case "boolean":
            return ipywidgets.Checkbox(value=shown == "on", **options)
        case "choice":
            keys = [("—", ""), *((choice.label, choice.key) for choice in field.choices)]
            chosen = shown if any(key == shown for _, key in keys) else ""
            return ipywidgets.Dropdown(options=keys, value=chosen, **options)
        case "choices":
            keys = [(choice.label, choice.key) for choice in field.choices]
            return ipywidgets.SelectMultiple(options=keys, value=[key for _, key in keys if key in shown], **options)
        case "datetime":  # shows and takes the time of the browser's zone
            return ipywidgets.DatetimePicker(value=moments.read(str(shown)), **options)
        case "multiline" | "json" | "list":
            return ipywidgets.Textarea(value=shown, placeholder=hint_of(field), **options)
        case _:
            return ipywidgets.Text(value=shown, placeholder=field.placeholder or "", **options)


def _string(field: Field, widget: Any) -> str | list[str] | None:
    """What an HTML form would send for *field*; ``None`` where it would send nothing."""
    match field.kind:
        case "boolean":
            return "on" if widget.value else None
        case "choices":
            return list(widget.value)
        case "datetime":
            return "" if widget.value is None else str(widget.value.isoformat())
    return str(widget.value)
