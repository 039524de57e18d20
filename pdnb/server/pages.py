"""Every page pdnb serves, as functions from plain values to HTML.

- No I/O but reading the templates, no web framework: the server decides when a page is sent and with what status.
- The *link pages* (:func:`confirm_page`, :func:`result_page`, :func:`problem_page`, :data:`NOT_FOUND_PAGE`) are open to
  everybody who holds a link: no script, one style whose hash their policy names, nothing about people or other runs.
- The *app pages* (:func:`card_page`, :func:`inbox_page`) stand behind Jupyter's login and run the front-end module.
- All that users wrote is escaped; of a request only what was filled into a form is shown again, to be corrected.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pdnb.forms import moments
from pdnb.forms.fields import form_fields, hint_of
from pdnb.forms.form_post import default_strings, to_strings
from pdnb.links import redact
from pdnb.model import JSON, Prompt, RunRecord
from pdnb.pauses import PAUSES, THEN, PauseEntry, when_due
from pdnb.text import iso, plain, relative, utc
from pdnb.views.markdown import to_html
from pdnb.views.vocabulary import EARLY_APPLIES, HAPPENED, STATUSES, VERBS, VIA, Happened

__all__ = [
    "APP_CSP",
    "LINK_CSP",
    "NOT_FOUND_PAGE",
    "PAGE_STYLE",
    "PAGE_STYLE_HASH",
    "Happened",
    "Purpose",
    "card_page",
    "confirm_page",
    "inbox_page",
    "problem_page",
    "result_page",
]

Purpose: TypeAlias = Literal["resume", "cancel"]

_URL: Final = re.compile(r"https?://\S+", re.IGNORECASE)  # never parsed: any text has to do, and a browser reads it

_TEMPLATES: Final = Path(__file__).parent / "templates"

#: The whole style of the link pages, exactly as it stands in them.
PAGE_STYLE: Final = (_TEMPLATES / "page.css").read_text(encoding="utf-8")

#: What their policy names it by: ``sha256-…``.
PAGE_STYLE_HASH: Final = "sha256-" + base64.b64encode(hashlib.sha256(PAGE_STYLE.encode()).digest()).decode()

#: The ``Content-Security-Policy`` of the link pages. The sandbox makes their origin opaque: the form's POST says
#: ``Origin: null``, and nothing here could reach Jupyter. Popups are the links of a message.
LINK_CSP: Final = (
    f"default-src 'none'; style-src '{PAGE_STYLE_HASH}'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; sandbox allow-forms allow-popups allow-popups-to-escape-sandbox"
)

#: The ``Content-Security-Policy`` of the app pages.
APP_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)

_jinja: Final = Environment(
    loader=FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    finalize=lambda value: plain(value) if type(value) is str else value,  # Markup is a str too, and stays as it is
)
_jinja.tests["concerns"] = lambda text, name: text.startswith((f"{name}:", f"{name}[", f"{name}."))
_jinja.filters["without"] = lambda text, name: text.removeprefix(f"{name}: ")
_jinja.policies["json.dumps_kwargs"] = {"sort_keys": False}  # exports keep the order their step gave them
_jinja.filters["local_moment"] = moments.local
_jinja.globals["hint_of"] = hint_of
_jinja.globals["zone_name"] = moments.zone_name
_jinja.globals["zone_names"] = moments.zone_names
_jinja.globals["style"] = Markup(PAGE_STYLE)  # noqa: S704  our own file


def card_page(run_id: str, static_url: str, base_url: str, initial: dict[str, Any] | None = None) -> str:
    """The live card of one run, for its own tab or the frame in a notebook.

    *static_url* is where the files of ``pdnb/static`` are served, *base_url* is Jupyter's; both end in ``/``.
    *initial* is the run document to draw before the first request; without it the page asks.
    """
    page = {"view": "card", "title": f"Run {run_id}", "run_id": run_id, "initial": initial}
    return _jinja.get_template("app.html").render(page, static_url=static_url, base_url=base_url)


def inbox_page(static_url: str, base_url: str) -> str:
    """The inbox: the table of all runs as a page; arguments as in :func:`card_page`."""
    page = {"view": "table", "title": "Runs", "run_id": "", "initial": None}
    return _jinja.get_template("app.html").render(page, static_url=static_url, base_url=base_url)


def confirm_page(
    run: RunRecord,
    purpose: Purpose,
    now_ms: int,
    prompt: Prompt | None = None,
    *,
    given: Mapping[str, JSON] | None = None,
    problems: Sequence[str] = (),
) -> str:
    """What a GET on a working link shows: what waits, since and until when, and one button that POSTs to the same URL.

    The run is suspended or sleeping at the link's attempt, or still runs it (the request would be early). *prompt* is
    what people are to read and to fill in; *problems* what to correct in the answer *given* before.
    """
    pause = run.pause
    form = prompt.form if prompt is not None and purpose == "resume" else None
    return _jinja.get_template("confirm.html").render(
        title=_question(run, purpose),
        button=_button(run, purpose),
        warning=VERBS["cancel"].warning if purpose == "cancel" else None,
        run=run,
        now_ms=now_ms,
        since_ms=pause.since_ms if pause else run.since_ms,
        due_ms=pause.due_ms if pause else None,
        then=_then(run),
        waits=run.status.waits,
        early_applies=EARLY_APPLIES,
        moment=_moment,
        message=Markup(to_html(redact(prompt.message))) if prompt is not None and prompt.message else "",  # noqa: S704  # sanitised
        fields=[] if form is None else form_fields(form),
        given={} if form is None else default_strings(form) if given is None else to_strings(form, given),
        problems=[redact(text) for text in problems],
    )


def result_page(
    happened: Happened,
    run: RunRecord,
    now_ms: int,
    at_ms: int | None = None,
    reason: str | None = None,
    *,
    via: str | None = None,
    by: str | None = None,
    after: str | None = None,
) -> str:
    """What happened to a request by link, and when (*at_ms*); no button.

    *run* is the run as it is now; *reason* is shown for a cancellation; *via* and *by* tell how and who decided
    before; *after* is what the step's author shows to people who have answered: a text, or a URL shown as a link.
    """
    result = HAPPENED[happened]
    phrase = STATUSES[run.status].phrase if run.status.over else "has moved on"
    link = after if after and _URL.fullmatch(after) else None
    return _jinja.get_template("result.html").render(
        mark=result.mark,
        title=result.title,
        sentence=result.sentence.format(phrase=phrase),
        run=run,
        now_ms=now_ms,
        at_ms=at_ms,
        reason=reason,
        moment=_moment,
        who=" ".join(filter(None, [by, VIA.get(via or "")])),
        link=link,
        after=None if link else after,
    )


def problem_page(status: int) -> str:
    """The page for an HTTP error *status* of the link routes: constant text, and what to do."""
    title, sentence = _PROBLEMS.get(status, _PROBLEMS[400])
    return _jinja.get_template("result.html").render(
        mark="problem", title=title, sentence=sentence, run=None, now_ms=0, at_ms=None, reason=None, moment=_moment,
        who="", link=None, after=None,
    )  # fmt: skip


def _moment(ms: int, now_ms: int) -> Markup:
    return Markup('<time datetime="{}">{}</time> <span>({})</span>').format(iso(ms), utc(ms), relative(ms, now_ms))


def _question(run: RunRecord, purpose: Purpose) -> str:
    return str(VERBS["cancel"].question) if purpose == "cancel" else _pause(run).title


def _button(run: RunRecord, purpose: Purpose) -> str:
    return str(VERBS["cancel"].confirm) if purpose == "cancel" else _pause(run).button


def _pause(run: RunRecord) -> PauseEntry:
    """The present pause's entry; of a step still at work, that of the suspension it will most likely end in."""
    return PAUSES[run.pause.kind if run.pause else "suspend"]


def _then(run: RunRecord) -> str:
    """What happens by itself when the pause is due."""
    return " ".join(THEN[when_due(run.pause.kind, run.pause.on_timeout)]) if run.pause else ""


_PROBLEMS: Final = {
    400: (
        "This could not be read",
        "What was sent is not what its type says. Nothing has changed, and the link still works.",
    ),
    404: (
        "There is nothing here",
        "The link is incomplete or wrong. Copy it once more, in full, from the message it came with.",
    ),
    413: ("This is too large", "Send less, or send it as an upload. Nothing has changed, and the link still works."),
    415: ("This form of content is not understood", "Send JSON, a form or text, not compressed. Nothing has changed."),
    503: ("Not just now", "Nothing has changed, and the link still works. Try again in a moment."),
}

#: The one body for unknown, damaged and foreign links.
NOT_FOUND_PAGE: Final = problem_page(404)
