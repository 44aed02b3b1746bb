"""Registrations that follow from their number, so that no list of them has to be kept or passed."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Account:
    """A registration and its key, as ``/register`` would have answered it."""

    subdomain: str
    username: str
    key: str

    def update_request(self, txt: str) -> bytes:
        """Return the HTTP request that publishes a value."""
        body = json.dumps({"subdomain": self.subdomain, "txt": txt})
        return (
            "POST /update HTTP/1.1\r\nHost: bench\r\n"
            f"X-Api-User: {self.username}\r\nX-Api-Key: {self.key}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()


REGISTER_REQUEST = b"POST /register HTTP/1.1\r\nHost: bench\r\nContent-Length: 0\r\n\r\n"


def account(number: int, seed: int = 0) -> Account:
    """Return the account of a number."""
    data = _bytes(f"account {seed} {number}")
    return Account(
        subdomain=str(uuid.UUID(bytes=data[:16], version=4)),
        username=str(uuid.UUID(bytes=data[16:32], version=4)),
        key=base64.urlsafe_b64encode(data[32:62]).decode(),
    )


def value(number: int, turn: int | str = 0, seed: int = 0) -> str:
    """Return a dns-01 value; each ``turn`` is another one of the same account's."""
    return base64.urlsafe_b64encode(_bytes(f"value {seed} {number} {turn}")[:32]).decode()[:43]


def updates(accounts: Sequence[Account]) -> Callable[[], bytes]:
    """Return what makes one request after the other: new values for the accounts in turn."""
    turns = itertools.count()

    def update() -> bytes:
        turn = next(turns)
        number = turn % len(accounts)
        return accounts[number].update_request(value(number, turn + 1))

    return update


def _bytes(text: str) -> bytes:
    return hashlib.sha512(text.encode()).digest()
