"""``pd.send``: mail through the configured SMTP server, or into the run's own outbox where none is configured.

A mail is sent while the step runs, so that a step whose mail cannot be sent fails and says why. What was sent (or put
into the outbox) stays with the attempt, and every view of the run shows it. Follows Pipedream's ``$.send.email``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pdnb.codec import checked
from pdnb.errors import MailError, PdnbError


@dataclass(frozen=True)
class MailSettings:
    """``smtp_url``: ``smtp://[user:password@]host[:port][?starttls=1]`` or ``smtps://…``; ``None``: the outbox."""

    smtp_url: str | None = None
    sender: str | None = None
    to: str | None = None


class Send:
    """``pd.send`` of one attempt. ``mails`` is what it has sent, in the shape that is stored."""

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings
        self.mails: list[dict[str, Any]] = []
        self._over = False

    def end(self) -> tuple[dict[str, Any], ...]:
        """All mails that were sent; after this, sending is an error."""
        self._over = True
        return tuple(self.mails)

    def email(
        self,
        subject: str,
        text: str | None = None,
        html: str | None = None,
        to: str | Sequence[str] | None = None,
    ) -> None:
        """Send a mail to *to* (default: the configured address). Give *text*, *html* or both; each is readable.

        Raises ``MailError`` when it has no recipient or no content, or the server does not take it.
        """
        self.check_open()
        from pdnb.runtime import smtp  # noqa: PLC0415  # the email package is a third of a worker's start

        mail = smtp.Mail.checked(subject, text, html, self._settings.to if to is None else to)
        sent = self._settings.smtp_url is not None
        record = {"subject": subject, "text": text, "html": html, "to": list(mail.to), "sent": sent}
        checked(record, "mail")  # what could not be stored is not sent either
        if self._settings.smtp_url is not None:
            if not mail.to:
                raise MailError("the mail has no recipient: give to=, or configure PdnbApp.mail_to")
            smtp.deliver(mail, self._settings.smtp_url, self._settings.sender)
        self.mails.append(record)

    def check_open(self) -> None:
        """Raise ``PdnbError`` if its step has ended."""
        if self._over:
            raise PdnbError("pd.send was used after its step had ended: use it while the step runs")

    def __repr__(self) -> str:
        return "<pd.send: email>"
