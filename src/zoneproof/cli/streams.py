"""The standard streams: all three exist, and output that cannot be written stops no work."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import TYPE_CHECKING

from zoneproof.core.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Output(io.FileIO):
    """A stream that takes what cannot be written, and remembers why it could not.

    A log on a full disk, or a reader that has gone, must not end a renewal.
    """

    lost: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        """Write some bytes, and return how many."""
        try:
            return super().write(data)
        except OSError as error:
            self.lost = self.lost or error
            return len(memoryview(data).cast("B"))


_outputs: dict[str, _Output] = {}
_closed: set[str] = set()
_lost_secret = ""


def prepare_streams() -> None:
    """Have all three streams, and an output that never fails."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        known = getattr(sys, name)
        if known is None:  # as a program that starts us may have closed some
            _closed.add(name)
            # Never closed. It gets the lowest free number, its own, and no file of ours does.
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123
        elif mode == "w" and os.name == "posix":  # Windows has streams of its own for a console
            with contextlib.suppress(io.UnsupportedOperation):  # it has no descriptor
                setattr(sys, name, _never_failing(name, known))


def _never_failing(name: str, known: io.TextIOWrapper) -> io.TextIOWrapper:
    raw = _outputs[name] = _Output(known.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        raw if known.write_through else io.BufferedWriter(raw),
        known.encoding,
        "backslashreplace",  # the encoding may lack what a CA or a person says
        line_buffering=known.line_buffering,
        write_through=known.write_through,
    )


def require_output() -> None:
    """Raise ConfigError if nobody could see what is printed.

    It is for a command that makes a secret which is shown once, before it makes it; then it calls
    :func:`shown_once`.
    """
    if "stdout" in _closed:
        raise ConfigError(
            "the standard output is closed, so the secret that this prints would be lost: run it"
            " with an output; nothing was changed"
        )


def shown_once(lost: str) -> None:
    """Have an output that is lost say so: which secret was made, and how to get another."""
    global _lost_secret
    _lost_secret = lost


def lost_output() -> str:
    """Write what is left in buffers; say that some of the output is lost, nothing if none is.

    That a reader has gone, such as ``head``, is its own affair, unless a secret went with it.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    for name, output in _outputs.items():
        secret = _lost_secret if name == "stdout" else ""
        if output.lost and (secret or output.lost.errno != errno.EPIPE):
            what = secret or "the work itself was not stopped by that"
            return f"{name} could not be written: {output.lost.strerror}; {what}"
    return ""
