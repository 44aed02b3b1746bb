"""Runs ``zoneproof`` to its end in a fork of a process that has imported all of it.

Python's start and the imports take ten times as long as most commands do, so a thousand commands
would take minutes of nothing else. Each still is a process of its own, with its own environment,
standard streams and exit. What is about starting itself runs ``python -m zoneproof`` instead.
"""

from __future__ import annotations

import atexit
import functools
import gc
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

_LARGEST = 200_000  # bytes of a request: arguments and environment


@dataclass(frozen=True)
class Result:
    """How a run of the command ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """The lines of a run with --json."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    def event(self, name: str) -> dict[str, Any]:
        """Return the first event of that name."""
        return next(event for event in self.events if event["event"] == name)

    @property
    def event_names(self) -> list[str]:
        """The names of all events, in order."""
        return [event["event"] for event in self.events]


def run_zoneproof(
    *arguments: str, environment: Mapping[str, str] | None = None, timeout: float = 120
) -> Result:
    """Run the command with nobody at the keyboard; ``environment`` is added to the test's own.

    Raises TimeoutError, after it was killed.
    """
    request = {
        "arguments": arguments,
        "environment": {**os.environ, **(environment or {})},
        "folder": os.getcwd(),  # noqa: PTH109
    }
    ours, theirs = os.pipe()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, os.fdopen(ours) as told:
        fds = [out.fileno(), err.fileno(), theirs]
        socket.send_fds(_server(), [json.dumps(request).encode()], fds)
        os.close(theirs)
        process = int(told.readline())
        if not select.select([told], [], [], timeout)[0]:
            os.kill(process, signal.SIGKILL)
            raise TimeoutError(f"zoneproof {' '.join(arguments)} did not end")
        status = int(told.readline())
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode().replace("\r\n", "\n"))
    return Result(status, *texts)


@functools.cache
def _server() -> socket.socket:
    """Start the process that forks; it ends with its connection to us."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait(10)

    atexit.register(end)
    return ours


def _serve(connection: socket.socket) -> None:
    """Fork for each request; return in the fork, once it is what the request wants it to be."""
    import zoneproof

    for module in pkgutil.walk_packages(zoneproof.__path__, "zoneproof."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    gc.collect()
    gc.freeze()  # so that memory stays shared
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, fds, _, _ = socket.recv_fds(connection, _LARGEST, 3)
        if not message:
            os._exit(0)
        if os.fork() == 0:
            break
        for fd in fds:
            os.close(fd)
    connection.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    out, err, told = fds
    process = os.fork()
    if process:
        os.write(told, f"{process}\n".encode())
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        os.write(told, f"{status}\n".encode())
        os._exit(0)
    os.close(told)
    for fd, standard in ((out, 1), (err, 2)):
        os.dup2(fd, standard)
        os.close(fd)
    request = json.loads(message)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    os.chdir(request["folder"])
    sys.argv[1:] = request["arguments"]


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
    from zoneproof.cli import main

    main()
