"""A mail: checked, put together, and handed to an SMTP server."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from html.parser import HTMLParser
from typing import Final, Self
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pdnb.errors import MailError

_TIMEOUT_S: Final = 30
_SILENT: Final = frozenset({"head", "script", "style", "title"})
_BLOCKS: Final = frozenset({"br", "p", "div", "li", "tr", "h1", "h2", "h3"})


@dataclass(frozen=True)
class Mail:
    """A mail to be sent. ``to`` may be empty where it goes into the outbox."""

    subject: str
    text: str | None
    html: str | None
    to: tuple[str, ...]

    @classmethod
    def checked(cls, subject: object, text: object, html: object, to: str | Sequence[str] | None) -> Self:
        """A mail; raises ``TypeError`` or ``MailError`` naming the argument that makes no sense."""
        if text is None and html is None:
            raise MailError("the mail is empty: give text=, html= or both")
        if not isinstance(subject, str):
            raise TypeError(f"subject is a {type(subject).__name__}: use a text")
        if "\n" in subject or "\r" in subject:
            raise MailError("subject holds a line break: use one line")
        return cls(subject, _text("text", text), _text("html", html), _addresses(to))

    def message(self, sender: str | None, host: str) -> EmailMessage:
        """The message; its plain text, if none was given, is the HTML's text with the addresses of links."""
        message = EmailMessage()
        message["Subject"] = self.subject
        message["From"] = sender or f"pdnb@{host}"
        message["To"] = ", ".join(self.to)
        message["Date"] = formatdate(usegmt=True)
        message["Message-ID"] = make_msgid("pdnb", host)
        message.set_content(_text_of(self.html or "") if self.text is None else self.text)
        if self.html is not None:
            message.add_alternative(self.html, subtype="html")
        return message


def deliver(mail: Mail, smtp_url: str, sender: str | None) -> None:
    """Hand *mail* to the server at *smtp_url*; raises ``MailError`` with the server's answer.

    Where the connection is to be encrypted, the server's certificate has to be good: mails hold links.
    """
    url, host, port = _server(smtp_url)
    try:
        with _connection(url.scheme, host, port) as server:
            if parse_qs(url.query).get("starttls") == ["1"]:
                server.starttls(context=ssl.create_default_context())
            if url.username:
                server.login(unquote(url.username), unquote(url.password or ""))
            refused = server.send_message(mail.message(sender, host))
    except (OSError, ValueError, smtplib.SMTPException) as error:
        raise MailError(f"the mail was not sent: {host} said {type(error).__name__}: {error}") from error
    if refused:
        raise MailError(f"the mail was not sent to {', '.join(refused)}: {host} said {next(iter(refused.values()))}")


def _connection(scheme: str, host: str, port: int) -> smtplib.SMTP:
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT_S, context=ssl.create_default_context())
    return smtplib.SMTP(host, port, timeout=_TIMEOUT_S)


def _server(smtp_url: str) -> tuple[SplitResult, str, int]:
    """The URL's parts, its host and port."""
    try:
        url = urlsplit(smtp_url)
        host, port = url.hostname, url.port or 0
    except ValueError:  # a port that is none, half an IPv6 address; the message would repeat the password
        host = None
    if not host or url.scheme not in ("smtp", "smtps"):
        raise MailError("the configured smtp_url is not smtp://host or smtps://host: mend PdnbApp.smtp_url")
    return url, host, port


def _text(name: str, value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name} is a {type(value).__name__}: use a text")
    return value


def _addresses(to: object) -> tuple[str, ...]:
    if to is None:
        return ()
    if not isinstance(to, Sequence):
        raise TypeError(f"to is {to!r}: use an address or a list of addresses")
    return tuple(_address(address) for address in (to.split(",") if isinstance(to, str) else to))


def _address(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"to is {text!r}: use an address or a list of addresses")
    try:
        return str(Address(addr_spec=text.strip()))
    except (ValueError, IndexError, HeaderParseError) as error:
        raise MailError(f"{text.strip()!r} is no mail address") from error


def _text_of(html: str) -> str:
    reader = _Reader()
    reader.feed(html)
    return "".join(reader.words).strip() + "\n"


class _Reader(HTMLParser):
    """Collects the text of HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._silent: str | None = None

    def handle_data(self, data: str) -> None:
        """Text."""
        if self._silent is None:
            self.words.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A new line for a block; a link's address before its words."""
        if self._silent is None and tag in _SILENT:
            self._silent = tag
        if tag in _BLOCKS:
            self.words.append("\n")
        if tag == "a" and (href := dict(attrs).get("href")):
            self.words.append(f" {href} ")

    def handle_endtag(self, tag: str) -> None:
        """The end of an element whose text is not shown."""
        if tag == self._silent:
            self._silent = None
