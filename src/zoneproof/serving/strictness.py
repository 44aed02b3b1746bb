"""What no request may be, whoever parses it, how it is answered, and how much is read ahead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from uvicorn.protocols.http.flow_control import FlowControl

MAX_HEAD: Final = 16 * 1024  # bytes

_BODY: Final = b'{"error":"malformed_http_request"}'
MALFORMED: Final = b"\r\n".join(
    (
        b"HTTP/1.1 400 Bad Request",
        b"Content-Type: application/json",
        b"Connection: close",
        b"Content-Length: %d" % len(_BODY),
        b"",
        _BODY,
    )
)
"""The answer to something that is not HTTP, in JSON as all errors are."""


def check_head(method: bytes, target: bytes, headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return what is wrong with a head whose parts are well formed; empty if nothing is.

    Names of headers come in lower case.
    """
    names, length = set(), len(method) + len(target)
    for name, value in headers:
        names.add(name)
        length += len(name) + len(value) + 4
    if b"content-length" in names and b"transfer-encoding" in names:
        return "both Content-Length and Transfer-Encoding"  # RFC 9112 section 6.1
    if length > MAX_HEAD:
        return "the head is too long"
    return ""


class PatientFlow(FlowControl):
    """Reads no further while requests that have come wait for the answer to one before them.

    An application that reads a body resumes reading. Were that heeded, whoever pipelines would
    fill the memory: each request that is answered would let in much more than it was.
    """

    _is_held = False

    def hold(self, is_held: bool) -> None:
        """Stop reading, or let it continue if it was stopped here."""
        was_held, self._is_held = self._is_held, is_held
        if is_held:
            self.pause_reading()
        elif was_held:
            self.resume_reading()

    def resume_reading(self) -> None:
        """Read on, unless it is held."""
        if not self._is_held:
            super().resume_reading()
