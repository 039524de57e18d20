"""A real mail server in a thread of this process, on loopback, that keeps what it gets."""

from __future__ import annotations

import email
import email.policy
import ssl
from typing import TYPE_CHECKING, Any, Final, Self

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import EmailMessage
    from pathlib import Path

USER, PASSWORD = "ann@example.org", "p@ss:w/rd"

#: For ``localhost`` and 127.0.0.1, signed by itself; good from 2020 to 2120.
CERTIFICATE: Final = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg62S4KBTvOLcL9A2w
Y74qZCj0vRy7eqSvAcXYR/gdqgihRANCAAS0p+TIoMksaPzAythLRUSjquZVzLg8
XYuzT5aJX5T8yq32cCdcqkI9N4HNusHMdN775F3ZT2EIAsDkkaZ31FQp
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBdjCCAR2gAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv
c3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABLSn5MigySxo/MDK
2EtFRKOq5lXMuDxdi7NPlolflPzKrfZwJ1yqQj03gc26wcx03vvkXdlPYQgCwOSR
pnfUVCmjXjBcMA8GA1UdEwEB/wQFMAMBAf8wGgYDVR0RBBMwEYIJbG9jYWxob3N0
hwR/AAABMB0GA1UdDgQWBBSqKVQ8ptlAzX4W9/MNh7z7xapMODAOBgNVHQ8BAf8E
BAMCAoQwCgYIKoZIzj0EAwIDRwAwRAIgDMpysJy4QjN4l6RYUvx5ncS/EnyFISZo
iH8KJuC1zUgCIGU/ln/tQhwPyHBd5bIGHkn8xGD5u+Xj/JlabD6cVume
-----END CERTIFICATE-----
"""


class _Handler:
    """aiosmtpd's handler: accepts mail, refuses the recipients in ``refuses``, answers DATA with ``data_answer``."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.refuses: set[str] = set()
        self.data_answer = "250 OK"

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuses:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # likewise
        if self.data_answer.startswith("250"):
            self.envelopes.append(envelope)
        return self.data_answer

    def login(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        good = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=good, handled=good)


class SmtpServer:
    """``mails`` holds what was accepted, in order; ``handler`` decides what is refused."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, immediate: bool = False, **options: Any) -> None:
        self.handler = _Handler()
        self.port = free_port()  # aiosmtpd does not take port 0
        if immediate:
            options["ssl_context"] = tls
        else:
            options["tls_context"] = tls
        self._controller = Controller(self.handler, "127.0.0.1", self.port, authenticator=self.handler.login, **options)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def mails(self) -> list[EmailMessage]:
        """As a mail program reads them."""
        raw = [envelope.content for envelope in self.handler.envelopes]
        return [email.message_from_bytes(text, policy=email.policy.default) for text in raw if isinstance(text, bytes)]

    @property
    def mail(self) -> EmailMessage:
        """The only one."""
        (mail,) = self.mails
        return mail

    def words(self, kind: str = "plain") -> str:
        """What a reader of the only mail sees who prefers text of this *kind*."""
        body = self.mail.get_body((kind,))
        assert body is not None
        content: str = body.get_content()
        return content.replace("\r\n", "\n")

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()


@pytest.fixture
def smtp_server() -> Iterator[SmtpServer]:
    """An open mail server of this test."""
    with SmtpServer() as smtp_server:
        yield smtp_server


@pytest.fixture
def certificate(tmp_path: Path) -> Callable[[], ssl.SSLContext]:
    """Makes a server's side of TLS; its certificate stands in the file ``certificate.pem`` of this test."""
    path = tmp_path / "certificate.pem"
    path.write_text(CERTIFICATE)

    def made() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    return made
