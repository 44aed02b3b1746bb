"""Runs one ``zoneproof`` after the other in one process: :mod:`tests.support.command` starts it.

Its standard input is a socket, which sends what each is to run with, and gets their statuses.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import runpy
import signal
import socket
import sys
import threading

from tests.support.command_forker import LARGEST, become


def main() -> None:
    """Run commands until nobody sends any."""
    connection = socket.socket(fileno=os.dup(0))
    while True:
        message, streams, _, _ = socket.recv_fds(connection, LARGEST, 3)
        if not message:
            sys.exit()
        become(json.loads(message), streams)
        connection.send(b"%d" % _run())


def _run() -> int:
    """Run one, and leave behind nothing that the next would not expect."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        runpy.run_module("zoneproof", run_name="__main__", alter_sys=True)
        raise AssertionError("zoneproof did not exit")
    except SystemExit as end:
        status = int(end.code or 0)
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    sys.stdout.flush()
    sys.stderr.flush()
    asyncio.set_event_loop_policy(None)  # whose watcher of children is for a loop that has ended
    for logger in [logging.root, *logging.root.manager.loggerDict.values()]:
        if isinstance(logger, logging.Logger):
            logger.handlers.clear()
            logger.setLevel(logging.NOTSET if logger.parent else logging.WARNING)
    return status


if __name__ == "__main__":
    main()
