"""The ``zoneproof`` command, and ``python -m zoneproof``: can be interrupted from the first."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # what 'signal' needs takes time to import
import os

_INTERRUPTED = 130


def main() -> None:
    """Run the command line; Ctrl-C ends it in one way, also before it is there and at its end."""
    wanted = _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler
    if wanted:  # it is ignored in the background of a shell
        _signal.signal(_signal.SIGINT, _end)  # an interrupted import may tell of something else
    from zoneproof.cli import main as run

    try:
        if wanted:
            _signal.signal(_signal.SIGINT, _signal.default_int_handler)
        try:
            run()
        finally:
            if wanted:  # while Python tidies up, there is nobody to catch anything
                _signal.signal(_signal.SIGINT, _end)
    except KeyboardInterrupt:
        _end()


def _end(*_: object) -> None:
    os.write(2, b"zoneproof: interrupted\n")
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
