"""The pool of nonces that replies have left (RFC 8555 section 6.5). No I/O."""

from __future__ import annotations

import collections


class NoncePool:
    """Nonces that were handed out and not used yet; the freshest is taken first.

    Old ones are the most likely to be refused, so beyond ``size`` the oldest are forgotten.
    """

    def __init__(self, size: int) -> None:
        self._nonces: collections.deque[str] = collections.deque(maxlen=size)

    def put(self, nonce: str | None) -> None:
        """Keep the nonce of a reply, if it had one."""
        if nonce:
            self._nonces.append(nonce)

    def take(self) -> str | None:
        """Return a nonce that nobody else gets, or None if there is none."""
        return self._nonces.pop() if self._nonces else None
