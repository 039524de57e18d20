"""Signed links: minted, read, sealed and redacted.

A link is a capability: its holder may do what it says, and nothing else.

Rules:

- One salt per purpose: a resume token is no cancel token. A token names one attempt of one step of one run.
- No token is stored: :meth:`Links.seal` turns each into a placeholder, itself signed and bound to the
  run in whose rows it stands, and :meth:`Links.unseal` mints it again when that run is read.
- A token is never shown: :func:`redact` is for everything that people and logs see.
- Stored code carries a MAC under the same secret (:meth:`Links.mac`): the store alone makes no worker run anything.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from itsdangerous import Signer

from pdnb.errors import BadLink

Purpose: TypeAlias = Literal["resume", "cancel"]

_PREFIX: Final[dict[Purpose, str]] = {"resume": "pdnb1r", "cancel": "pdnb1c"}
_PURPOSE: Final[dict[str, Purpose]] = {prefix: purpose for purpose, prefix in _PREFIX.items()}

#: ``pdnb1r.<run>.<step>.<runs>.<signature>``; the fixed beginning makes searching a megabyte of output cheap
TOKEN: Final = re.compile(r"(pdnb1[rc])\.([0-9a-z]{20})\.([A-Za-z_][A-Za-z0-9_-]{0,63})\.([1-9]\d{0,8})\.([\w-]{43})")
# the same, or the rest of one in a text that was shortened: a few letters could be guessed
_SHOWN: Final = re.compile(TOKEN.pattern.replace("{43}", "{1,43}"))
_SEALED: Final = re.compile(r"(pdnb1[rc])!([0-9a-z]{20})!([A-Za-z_][A-Za-z0-9_-]{0,63})!([1-9]\d{0,8})!([\w-]{43})")


@dataclass(frozen=True)
class Target:
    """What a link is for: attempt number ``runs`` of ``step`` in ``run``."""

    run: str
    step: str
    runs: int


class Link:
    """A link: ``str(link)`` is the URL, its repr is redacted."""

    __slots__ = ("_url",)

    def __init__(self, url: str) -> None:
        self._url = url

    def __str__(self) -> str:
        return self._url

    def __repr__(self) -> str:
        return f"<link {redact(self._url)}: str(link) is the URL>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Link) and self._url == other._url

    def __hash__(self) -> int:
        return hash(self._url)


class Links:
    """Mints and reads links under one secret. ``base_url`` ends with ``/`` and leads to the server people reach."""

    def __init__(self, secret: bytes, base_url: str = "http://127.0.0.1:8888/") -> None:
        self._secret = secret
        self.base_url = base_url

    def url(self, purpose: Purpose, target: Target) -> str:
        """The whole URL, with its token."""
        return f"{self.base_url}pdnb/{purpose}/{self.token(purpose, target)}"

    def token(self, purpose: Purpose, target: Target) -> str:
        """The signed token for *purpose* on *target*."""
        value = f"{_PREFIX[purpose]}.{target.run}.{target.step}.{target.runs}"
        return self._signer(purpose).sign(value).decode()

    def read(self, purpose: Purpose, token: str) -> Target:
        """What *token* is for; raises ``BadLink`` when it is damaged, forged or for another purpose."""
        match = TOKEN.fullmatch(token)
        if match is None or _PURPOSE[match[1]] != purpose or not self._valid(purpose, token):
            raise BadLink("no such link")
        return Target(match[2], match[3], int(match[4]))

    def seal(self, text: str, run: str) -> str:
        """*text* with every working token replaced by a placeholder that only the rows of *run* can turn back.

        A token that was cut short works no more and becomes an ellipsis.
        """
        if "pdnb1" not in text:
            return text

        def close(match: re.Match[str]) -> str:
            if len(match[5]) < 43:
                return "…"
            if not self._valid(_PURPOSE[match[1]], match[0]):
                return match[0]
            value = f"{match[1]}!{match[2]}!{match[3]}!{match[4]}"
            return self._signer(f"sealed.{run}", sep="!").sign(value).decode()

        return _SHOWN.sub(close, text)

    def unseal(self, text: str, run: str) -> str:
        """The inverse of :meth:`seal` for the same *run*; a foreign or forged placeholder stays as it is."""
        if "pdnb1" not in text:
            return text

        def open_(match: re.Match[str]) -> str:
            if not self._signer(f"sealed.{run}", sep="!").validate(match[0]):
                return match[0]
            return self.token(_PURPOSE[match[1]], Target(match[2], match[3], int(match[4])))

        return _SEALED.sub(open_, text)

    def mac(self, content: str) -> str:
        """The MAC that stored code carries."""
        return self._signer("code").get_signature(content).decode()

    def check_mac(self, content: str, mac: str) -> bool:
        """Whether *mac* was made for *content* under this secret."""
        return self._signer("code").verify_signature(content, mac)

    def _valid(self, purpose: Purpose, token: str) -> bool:
        value = token.rpartition(".")[0]  # one spelling: base64 would take several for the last letter
        return hmac.compare_digest(self._signer(purpose).sign(value), token.encode())

    def _signer(self, purpose: str, sep: str = ".") -> Signer:
        return Signer(
            self._secret, salt=f"pdnb.{purpose}", sep=sep, key_derivation="hmac", digest_method=hashlib.sha256
        )


def redact(text: str) -> str:
    """*text* with every token, working or not, whole or cut short, reduced to an ellipsis."""
    return _SHOWN.sub("…", text) if "pdnb1" in text else text
