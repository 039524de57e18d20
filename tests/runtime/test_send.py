"""``pd.send.email`` in real runs: sent where a server is configured, else kept in the run's own outbox."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from pdnb.client import Run, start
from pdnb.coordination.home import Home
from pdnb.coordination.settings import Settings, write_settings
from pdnb.errors import MailError, NotJSON, PdnbError
from pdnb.model import Status
from pdnb.runtime.send import MailSettings, Send
from tests.support.processes import free_port
from tests.support.server import code
from tests.support.smtp_server import SmtpServer, smtp_server

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["smtp_server"]  # a fixture

ASKS = """
def handler(pd):
    urls = pd.flow.suspend()
    pd.send.email("Publish?", f"yes: {urls['resume_url']}\\nno: {urls['cancel_url']}", to="ann@x.org")
"""


@pytest.fixture
def home(pdnb_dir: Path) -> Iterator[Home]:
    with Home(pdnb_dir, kind="kernel") as home:
        yield home


def play(home: Home, **steps: Any) -> Run:
    return start(home, code(**steps), show=False)


def fail(home: Home, source: str, kind: type[BaseException] = MailError) -> Run:
    """The run that failed with it."""
    with pytest.raises(kind):
        play(home, mail=source)
    (run,) = [Run(home, row) for row in home.store.list().runs]
    assert run.status is Status.FAILED
    return run


def mails(run: Run) -> list[dict[str, Any]]:
    """As they are stored; what a person is shown has no link."""
    return [dict(mail) for attempt in run._home.store.attempts(run.id) for mail in attempt.mails]


def configure(home: Home, **settings: Any) -> None:
    """What a server publishes; a run reads it when it starts."""
    write_settings(home.directory, Settings(**settings))


# ---- with a server


def test_a_step_sends_its_links_and_the_run_keeps_the_mail(home: Home, smtp_server: SmtpServer) -> None:
    configure(home, smtp_url=smtp_server.url, mail_from="bot@x.org")
    run = play(home, ask=ASKS, done="1")
    assert (run.status, run.step) == (Status.SUSPENDED, "ask")
    assert smtp_server.text().splitlines() == [f"yes: {run.resume_url}", f"no: {run.cancel_url}"]
    assert (smtp_server.mail["From"], smtp_server.mail["To"]) == ("bot@x.org", "ann@x.org")
    (kept,) = mails(run)
    assert kept["sent"] is True
    assert (kept["subject"], kept["to"], kept["html"]) == ("Publish?", ["ann@x.org"], None)


def test_a_body_sends_as_a_handler_does(home: Home, smtp_server: SmtpServer) -> None:
    configure(home, smtp_url=smtp_server.url)
    play(home, mail="step.send.email('Hello', html='<p>page</p>', to=['ann@x.org', 'bob@x.org'])")
    assert smtp_server.handler.envelopes[0].rcpt_tos == ["ann@x.org", "bob@x.org"]
    assert smtp_server.text("html").strip() == "<p>page</p>"
    assert smtp_server.text().strip() == "page"


def test_who_gets_it_by_default_is_configured(home: Home, smtp_server: SmtpServer) -> None:
    configure(home, smtp_url=smtp_server.url, mail_to="team@x.org, boss@x.org", mail_from="Bot <bot@x.org>")
    run = play(home, mail="step.send.email('Hello', 'words')")
    assert smtp_server.handler.envelopes[0].rcpt_tos == ["team@x.org", "boss@x.org"]
    assert mails(run)[0]["to"] == ["team@x.org", "boss@x.org"]
    play(home, mail="step.send.email('Hello', 'words', to='ann@x.org')")
    assert smtp_server.handler.envelopes[1].rcpt_tos == ["ann@x.org"]


def test_the_environment_configures_it_too(
    home: Home, smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PDNB_SMTP_URL", smtp_server.url)
    monkeypatch.setenv("PDNB_MAIL_TO", "ann@x.org")
    monkeypatch.setenv("PDNB_MAIL_FROM", "bot@x.org")
    play(home, mail="step.send.email('Hello', 'words')")
    assert (smtp_server.handler.envelopes[0].mail_from, smtp_server.handler.envelopes[0].rcpt_tos) == (
        "bot@x.org",
        ["ann@x.org"],
    )


FAILS = {
    "nobody": ("step.send.email('Hello', 'x')", "MailError: the mail has no recipient: give to=, or configure"),
    "an empty list": ("step.send.email('Hello', 'x', to=[])", "MailError: the mail has no recipient"),
    "no address": ("step.send.email('Hello', 'x', to='ann')", "MailError: 'ann' is no mail address"),
    "nothing in it": ("step.send.email('Hello', to='a@x.org')", "MailError: the mail is empty"),
    "injection": (
        "step.send.email('Hi\\nBcc: eve@x.org', 'x', to='a@x.org')",
        "MailError: subject holds a line break",
    ),
}


@pytest.mark.parametrize("law", FAILS)
def test_a_mail_that_cannot_be_sent_fails_the_step_in_one_line(law: str, home: Home, smtp_server: SmtpServer) -> None:
    configure(home, smtp_url=smtp_server.url)
    source, words = FAILS[law]
    run = fail(home, source)
    row = home.store.get(run.id)
    assert row.error is not None
    assert row.error.startswith(words)
    assert "\n" not in row.error
    assert (mails(run), smtp_server.mails) == ([], [])


def test_a_mail_server_that_is_down_fails_the_run_clearly_and_the_links_are_dead(home: Home) -> None:
    configure(home, smtp_url=f"smtp://127.0.0.1:{free_port()}")
    run = fail(home, ASKS)
    error = home.store.get(run.id).error
    assert error is not None
    assert error.startswith("MailError: the mail was not sent: 127.0.0.1 said ConnectionRefusedError: ")
    assert run.resume_url is None
    assert mails(run) == []


def test_what_could_not_be_kept_is_not_sent(home: Home, smtp_server: SmtpServer) -> None:
    configure(home, smtp_url=smtp_server.url)
    run = fail(home, r"step.send.email('Hello', 'half a character: \ud800', to='a@x.org')", NotJSON)
    assert (
        home.store.get(run.id).error == 'NotJSON: mail["text"]: the text holds a lone surrogate, which is not Unicode'
    )
    assert not smtp_server.mails


# ---- without one: the outbox


def test_without_a_server_the_mail_stays_with_its_attempt(home: Home) -> None:
    """With none configured, into the local outbox, which the run's view shows."""
    run = play(home, ask=ASKS, done="1")
    (kept,) = mails(run)
    assert kept == {
        "subject": "Publish?",
        "text": f"yes: {run.resume_url}\nno: {run.cancel_url}",
        "html": None,
        "to": ["ann@x.org"],
        "sent": False,
    }


def test_the_outbox_needs_no_address_but_no_wrong_one_either(home: Home) -> None:
    run = play(home, mail="step.send.email('Hello', html='<b>x</b>')")
    assert [(mail["to"], mail["html"], mail["text"]) for mail in mails(run)] == [([], "<b>x</b>", None)]
    with pytest.raises(MailError):
        play(home, mail="step.send.email('Hello', 'x', to='ann')")


def test_links_in_mails_are_sealed_in_the_store_and_redacted_where_people_look(home: Home) -> None:
    """No token … in the store, in exports."""
    run = play(home, ask=ASKS, done="1")
    token = str(run.resume_url).rpartition("/")[2]
    home.store.close()
    files = [path for path in home.directory.rglob("*") if path.is_file()]
    assert any(b"Publish?" in path.read_bytes() for path in files)
    for path in files:
        assert token.encode() not in path.read_bytes(), path
        assert token.rpartition(".")[2].encode() not in path.read_bytes(), path
    for shown in (str(run.document()), repr(run.attempts)):
        assert "Publish?" in shown
        assert token not in shown
        assert token.rpartition(".")[2] not in shown
    assert token in mails(run)[0]["text"]


def test_a_step_that_fails_after_it_sent_keeps_the_mail_in_the_record(home: Home, smtp_server: SmtpServer) -> None:
    configure(home, smtp_url=smtp_server.url)
    run = fail(home, "step.send.email('Hello', 'x', to='a@x.org')\n1 / 0", ZeroDivisionError)
    assert [mail["subject"] for mail in mails(run)] == ["Hello"]
    assert len(smtp_server.mails) == 1


def test_every_attempt_keeps_its_own_mails_in_order(home: Home) -> None:
    source = """
    def handler(pd):
        for n in range(2):
            pd.send.email(f"{pd.context['run']['runs']}.{n}", "x")
        pd.flow.rerun(0, max_retries=1)
    """
    run = play(home, mail=dedent(source)).wait()
    assert [[mail["subject"] for mail in attempt.mails] for attempt in run.attempts] == [["1.0", "1.1"], ["2.0", "2.1"]]


def test_sending_after_the_step_has_ended_is_an_error() -> None:
    send = Send(MailSettings())
    send.email("Hello", "x")
    assert [mail["subject"] for mail in send.end()] == ["Hello"]
    with pytest.raises(PdnbError, match=r"pd\.send was used after its step had ended"):
        send.email("again", "x")
    assert len(send.mails) == 1


def test_its_repr_shows_nothing_of_the_configuration() -> None:
    assert "hush" not in repr(Send(MailSettings("smtp://ann:hush@h")))


# ---- what it costs

LOADED = """
import sys
from pathlib import Path
from pdnb.coordination.home import Home
from pdnb.executor.executors import Executors
from pdnb.workers.worker import Worker
with Home(Path({directory!r}), kind="worker") as home:
    environment = home.store.workflow_version(home.store.get({run!r}).version_id).environment
    worker = Worker(home, environment, Executors(environment, home.lock))
    assert worker.work_once()
    worker.close()
print(*sorted({{name.partition(".")[0] for name in sys.modules}} & {{"smtplib", "email", "ssl"}}))
"""


@pytest.mark.parametrize(("source", "loaded"), [("1", ""), ("step.send.email('a', 'b')", "email smtplib ssl")])
def test_who_sends_no_mail_pays_for_none(source: str, loaded: str, home: Home) -> None:
    run = home.store.add(code(mail=source, cwd=home.directory), None, at_ms=1)
    script = LOADED.format(directory=str(home.directory), run=run.id)
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == loaded
    assert home.store.get(run.id).status is Status.SUCCEEDED
