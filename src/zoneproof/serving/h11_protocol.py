"""HTTP/1.1 as h11 parses it for uvicorn, and stricter where two servers might read two things."""

from __future__ import annotations

from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from zoneproof.serving.strictness import MALFORMED, MAX_HEAD, PatientFlow, check_head


class StrictH11Protocol(H11Protocol):
    """uvicorn's protocol for everybody: it needs no compiled code."""

    flow: PatientFlow

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.conn: _StrictConnection = _StrictConnection(h11.SERVER, MAX_HEAD)

    def handle_events(self) -> None:
        """Take what has come."""
        super().handle_events()
        self.flow.hold(self.conn.is_paused)

    def send_400_response(self, msg: str) -> None:
        """Answer something that is not HTTP."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.write(MALFORMED)
        self.transport.close()


class _StrictConnection(h11.Connection):
    """``is_paused`` tells whether something waits for the answer to what came before it."""

    is_paused = False

    def next_event(self) -> Any:
        """Return what has come. Raises h11.RemoteProtocolError."""
        event = super().next_event()
        self.is_paused = event is h11.PAUSED
        if isinstance(event, h11.Request):
            # h11 itself looks at the length only of a head that has not come whole.
            problem = check_head(event.method, event.target, event.headers)
            if problem:
                raise h11.RemoteProtocolError(problem)
        return event
