"""``pd.send.email``: through the configured SMTP server, or into the run's own outbox where none is configured.

A mail is sent while the step runs, so that a step whose mail cannot be sent fails and says why. What was sent (or put
into the outbox) stays with the attempt, and every view of the run shows it. Follows Pipedream's ``$.send.email``.
"""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from pdnb.errors import PdnbError

_TIMEOUT_S: Final = 30


class MailError(PdnbError):
    """A mail cannot be sent as asked, or the SMTP server did not take it."""


@dataclass(frozen=True)
class MailSettings:
    """``smtp_url``: ``smtp://[user:password@]host[:port][?starttls=1]`` or ``smtps://…``; ``None``: the outbox."""

    smtp_url: str | None = None
    sender: str | None = None
    to: str | None = None


class Send:
    """``pd.send``. ``mails`` is what this attempt has sent, in the shape that is stored."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings
        self.mails: list[dict[str, Any]] = []

    def email(
        self,
        subject: str,
        text: str | None = None,
        html: str | None = None,
        to: str | Sequence[str] | None = None,
    ) -> None:
        """Send a mail to *to* (default: the configured address). Give *text*, *html* or both; each is readable.

        Raises ``MailError`` when there is nobody to send it to, nothing in it, or the server refuses it.
        """
        mail = {"subject": _line("subject", subject), "text": text, "html": html, "to": self._recipients(to)}
        if text is None and html is None:
            raise MailError("the mail is empty: give text=, html= or both")
        for name in ("text", "html"):
            if mail[name] is not None and not isinstance(mail[name], str):
                raise TypeError(f"{name} is a {type(mail[name]).__name__}: use a text")
        sent = self._settings.smtp_url is not None
        if sent:
            _deliver(self._settings, mail)
        self.mails.append({**mail, "sent": sent})

    def _recipients(self, to: str | Sequence[str] | None) -> list[str]:
        given = self._settings.to if to is None else to
        if given is None:
            if self._settings.smtp_url is not None:
                raise MailError("nobody to send the mail to: give to=, or configure PdnbApp.mail_to")
            return []  # the outbox needs no address
        addresses = given.split(",") if isinstance(given, str) else list(given)
        return [_address(address) for address in addresses]


def _address(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"to is {text!r}: use an address or a list of addresses")
    try:
        return str(Address(addr_spec=text.strip()))
    except (ValueError, IndexError, HeaderParseError) as error:
        raise MailError(f"{text.strip()!r} is no mail address") from error


def _line(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} is a {type(value).__name__}: use a text")
    if "\n" in value or "\r" in value:
        raise MailError(f"{name} holds a line break: use one line")
    return value


def _message(settings: MailSettings, mail: dict[str, Any], host: str) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = mail["subject"]
    message["From"] = settings.sender or f"pdnb@{host}"
    message["To"] = ", ".join(mail["to"])
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = make_msgid("pdnb", host)
    message.set_content(_as_text(mail["html"]) if mail["text"] is None else mail["text"])
    if mail["html"] is not None:
        message.add_alternative(mail["html"], subtype="html")
    return message


def _as_text(html: str) -> str:
    """What a reader without HTML sees: the words, and where links lead."""
    words: list[str] = []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            words.append(data)

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag in ("br", "p", "div", "li", "tr", "h1", "h2", "h3"):
                words.append("\n")
            if tag == "a" and (href := dict(attrs).get("href")):
                words.append(f" {href} ")

    Reader().feed(html)
    return "".join(words).strip() + "\n"


def _deliver(settings: MailSettings, mail: dict[str, Any]) -> None:
    url = urlsplit(settings.smtp_url or "")
    if url.scheme not in ("smtp", "smtps") or not url.hostname:
        raise MailError("the configured smtp_url is not smtp://host or smtps://host: mend PdnbApp.smtp_url")
    kind = smtplib.SMTP_SSL if url.scheme == "smtps" else smtplib.SMTP
    try:
        with kind(url.hostname, url.port or 0, timeout=_TIMEOUT_S) as server:
            if parse_qs(url.query).get("starttls") == ["1"]:
                server.starttls()
            if url.username:
                server.login(unquote(url.username), unquote(url.password or ""))
            server.send_message(_message(settings, mail, url.hostname))
    except (OSError, smtplib.SMTPException) as error:
        raise MailError(f"the mail was not sent: {url.hostname} said {type(error).__name__}: {error}") from error
