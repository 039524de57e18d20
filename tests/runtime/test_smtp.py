"""A mail: what arrives at a real SMTP server, what is refused before it, and what a server's refusal becomes."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from pdnb.errors import MailError
from pdnb.runtime import smtp
from pdnb.runtime.smtp import Mail, deliver
from tests.support.processes import free_port
from tests.support.smtp_server import PASSWORD, USER, SmtpServer, certificate, smtp_server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["certificate", "smtp_server"]  # fixtures


def letter(subject: object = "Hello", text: object = None, html: object = None, to: Any = "ann@example.org") -> Mail:
    return Mail.checked(subject, "words" if text is html is None else text, html, to)


# ---- what arrives


def test_text_alone_arrives_as_it_is(smtp_server: SmtpServer) -> None:
    text = "Zwölf Boxkämpfer\n.a line with a dot\n" + "long " * 500 + "\nhttp://x/pdnb/resume/t\n"
    deliver(letter(text=text), smtp_server.url, None)
    assert smtp_server.mail.get_content_type() == "text/plain"
    assert smtp_server.text() == text
    assert smtp_server.mail["Subject"] == "Hello"
    assert smtp_server.mail["To"] == "ann@example.org"
    assert smtp_server.mail["From"] == "pdnb@127.0.0.1"
    assert smtp_server.mail["Date"].datetime.tzinfo is not None
    assert smtp_server.mail["Message-ID"].startswith("<")


HTML = """<html><head><title>never</title><style>p { color: red }</style></head>
<body><h1>Publish?</h1><p>Ann &amp; Bob ask.</p><script>alert("never")</script><!-- never -->
<p><a href="https://x.org/pdnb/resume/t?a=1&amp;b=2">Approve</a> or <a href="https://x.org/no"><b>not</b></a><br/>Bye</p>
</body></html>"""


def test_whoever_reads_without_html_gets_the_words_and_where_links_lead(smtp_server: SmtpServer) -> None:
    deliver(letter(html=HTML), smtp_server.url, None)
    assert smtp_server.mail.get_content_type() == "multipart/alternative"
    assert smtp_server.text("html").strip() == HTML
    lines = [" ".join(line.split()) for line in smtp_server.text().splitlines() if line.strip()]
    assert lines == [
        "Publish?",
        "Ann & Bob ask.",
        "https://x.org/pdnb/resume/t?a=1&b=2 Approve or https://x.org/no not",
        "Bye",
    ]


def test_both_arrive_and_the_text_is_the_authors(smtp_server: SmtpServer) -> None:
    deliver(letter(text="my words", html="<p>my page</p>"), smtp_server.url, None)
    assert smtp_server.text().strip() == "my words"
    assert smtp_server.text("html").strip() == "<p>my page</p>"


@pytest.mark.parametrize("subject", ["Grüße aus Köln", "承認 ✅", "x" * 300, "", "tab\there"])
def test_a_subject_arrives_as_it_was_written(subject: str, smtp_server: SmtpServer) -> None:
    deliver(letter(subject), smtp_server.url, None)
    assert smtp_server.mail["Subject"].replace("\t", " ") == subject.replace("\t", " ")


@pytest.mark.parametrize(
    "to", [["ann@x.org", "bob@x.org"], "ann@x.org,bob@x.org", " ann@x.org , bob@x.org ", ("ann@x.org", "bob@x.org")]
)
def test_several_recipients_all_get_it(to: object, smtp_server: SmtpServer) -> None:
    deliver(letter(to=to), smtp_server.url, "Carl <carl@x.org>")
    assert smtp_server.handler.envelopes[0].rcpt_tos == ["ann@x.org", "bob@x.org"]
    assert smtp_server.handler.envelopes[0].mail_from == "carl@x.org"
    assert smtp_server.mail["To"] == "ann@x.org, bob@x.org"
    assert smtp_server.mail["From"] == "Carl <carl@x.org>"


# ---- what is refused before anything is sent


@pytest.mark.parametrize("ending", ["\n", "\r", "\r\n"])
def test_no_header_can_be_injected(ending: str) -> None:
    with pytest.raises(MailError, match=r"^subject holds a line break: use one line$"):
        letter(f"Hello{ending}Bcc: eve@x.org")
    for to in (f"ann@x.org{ending}Bcc: eve@x.org", f"ann@x.org>{ending}<eve@x.org"):
        with pytest.raises(MailError, match="is no mail address") as raised:
            letter(to=[to])
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("to", ["ann", "@x.org", "ann@", "a b@x.org", "Ann <ann@x.org>", "", "ann@x.org,", "<>"])
def test_an_address_that_is_none_is_named(to: str) -> None:
    with pytest.raises(MailError, match="is no mail address"):
        letter(to=to)


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"subject": None}, TypeError, "subject is a NoneType: use a text"),
        ({"subject": b"x"}, TypeError, "subject is a bytes: use a text"),
        ({"text": 5}, TypeError, "text is a int: use a text"),
        ({"html": ["<p>"]}, TypeError, "html is a list: use a text"),
        ({"to": [5]}, TypeError, "to is 5: use an address or a list of addresses"),
        ({"to": 5}, TypeError, "to is 5: use an address or a list of addresses"),
    ],
)
def test_an_argument_that_makes_no_sense_is_named(
    arguments: dict[str, object], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind) as raised:
        letter(**arguments)
    assert str(raised.value) == words


def test_a_mail_with_nothing_in_it_is_refused() -> None:
    with pytest.raises(MailError, match=r"^the mail is empty: give text=, html= or both$"):
        Mail.checked("Hello", None, None, "ann@x.org")
    assert Mail.checked("Hello", "", None, "ann@x.org").text == ""


@pytest.mark.parametrize(
    "url",
    ["localhost:25", "http://localhost", "smtp://", "smtp:///x", "", "smtp://u:hush@h:port", "smtp://u:hush@h:99999",
     "smtp://u:hush@[::1"],
)  # fmt: skip
def test_a_configured_url_that_is_none_says_what_to_mend(url: str) -> None:
    with pytest.raises(MailError, match=r"mend PdnbApp\.smtp_url") as raised:
        deliver(letter(), url, None)
    assert "hush" not in str(raised.value)


# ---- what a server says


def test_a_server_that_is_down_is_said() -> None:
    with pytest.raises(MailError, match=r"^the mail was not sent: 127\.0\.0\.1 said ConnectionRefusedError: "):
        deliver(letter(), f"smtp://127.0.0.1:{free_port()}", None)


def test_a_server_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    assert smtp._TIMEOUT_S == 30
    monkeypatch.setattr(smtp, "_TIMEOUT_S", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(MailError, match="timed out"):
            deliver(letter(), f"smtp://127.0.0.1:{silent.getsockname()[1]}", None)


def test_a_recipient_that_the_server_does_not_take_is_never_lost_silently(smtp_server: SmtpServer) -> None:
    """Also when it takes the others: who was to approve would wait for a mail that never comes."""
    smtp_server.handler.refuses = {"bob@x.org"}
    with pytest.raises(MailError, match=r"^the mail was not sent to bob@x\.org: 127.* said .*no such mailbox"):
        deliver(letter(to="ann@x.org,bob@x.org"), smtp_server.url, None)
    with pytest.raises(MailError, match="no such mailbox"):
        deliver(letter(to="bob@x.org"), smtp_server.url, None)


def test_a_mail_that_the_server_does_not_take_is_said(smtp_server: SmtpServer) -> None:
    smtp_server.handler.data_answer = "554 looks like spam"
    with pytest.raises(MailError, match="looks like spam"):
        deliver(letter(), smtp_server.url, None)
    assert not smtp_server.mails


def test_a_sender_that_is_none_is_said(smtp_server: SmtpServer) -> None:
    with pytest.raises(MailError, match="the mail was not sent"):
        deliver(letter(), smtp_server.url, "Ann\nBcc: eve@x.org")
    assert not smtp_server.mails


# ---- login and TLS


def login(password: str = PASSWORD) -> str:
    return f"{quote(USER, safe='')}:{quote(password, safe='')}@"


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_login_that_needs_quoting_works() -> None:
    with SmtpServer(auth_required=True, auth_require_tls=False) as smtp_server:
        deliver(letter(), smtp_server.url.replace("//", f"//{login()}"), None)
        assert smtp_server.handler.logins == [(USER.encode(), PASSWORD.encode())]
        assert smtp_server.mail["Subject"] == "Hello"


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("user", ["", login("wrong"), login("wröng")])
def test_a_login_that_fails_is_said_without_the_password(user: str) -> None:
    with SmtpServer(auth_required=True, auth_require_tls=False) as smtp_server:
        with pytest.raises(MailError, match=r"^the mail was not sent: 127\.0\.0\.1 said ") as raised:
            deliver(letter(), smtp_server.url.replace("//", f"//{user}"), None)
        assert PASSWORD not in str(raised.value)
        assert not smtp_server.mails


@pytest.mark.parametrize("immediate", [False, True])
def test_an_encrypted_connection_is_for_the_right_server_only(
    immediate: bool, certificate: Callable[[], ssl.SSLContext], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """``smtps://`` or ``?starttls=1``; mails hold links, so who pretends to be the server gets nothing."""
    with SmtpServer(tls=certificate(), immediate=immediate, require_starttls=not immediate) as smtp_server:
        url = smtp_server.url.replace("smtp:", "smtps:") if immediate else f"{smtp_server.url}/?starttls=1"
        with pytest.raises(MailError, match="CERTIFICATE_VERIFY_FAILED"):
            deliver(letter(), url, None)
        assert not smtp_server.mails
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        deliver(letter(), url, None)
        assert smtp_server.mail["Subject"] == "Hello"


def test_a_server_that_cannot_encrypt_gets_nothing_when_it_should(smtp_server: SmtpServer) -> None:
    with pytest.raises(MailError, match="STARTTLS"):
        deliver(letter(), f"{smtp_server.url}?starttls=1", None)
    assert not smtp_server.mails
