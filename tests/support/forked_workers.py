"""Runs ``zoneproof`` with DNS workers in forks of a process that has imported what they need.

Python's start and the imports take ten times as long as what a worker does in most tests, and every
service has two or more. Each still is a process of its own, a child of the service, with the
descriptors, limits and streams that it would inherit. What is about starting workers is tested with
those of :mod:`zoneproof` itself.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import resource
import socket
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import IO, Any, NoReturn

from zoneproof.cli import main

FORKER = "worker-forker"
"""What the process that forks is called, which is a child of the service, too."""

_SET_NAME, _SET_CHILD_SUBREAPER = 15, 36  # prctl(2)
_INHERITED_LIMITS = (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE)
_LARGEST, _MOST = 10_000, 250  # bytes of a request, and descriptors
_start_program = asyncio.create_subprocess_exec
_prctl = ctypes.CDLL(None).prctl


class _Worker:
    """A worker, asked what an :class:`asyncio.subprocess.Process` is."""

    def __init__(
        self, pid: int, stdin: asyncio.WriteTransport, stdout: asyncio.StreamReader
    ) -> None:
        self.pid = pid
        self.stdin = stdin
        self.stdout = stdout
        self.returncode: int | None = None
        self._has_ended = asyncio.Event()
        self._descriptor = os.pidfd_open(pid)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._descriptor, self._end)

    async def wait(self) -> int | None:
        await self._has_ended.wait()
        return self.returncode

    def kill(self) -> None:
        if self.returncode is None:
            os.kill(self.pid, 9)

    def _end(self) -> None:
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self._has_ended.set()


class _Forker:
    """The process that forks, as the service has it."""

    def __init__(self) -> None:
        self._connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        service = os.getpid()
        if not os.fork():
            self._connection.close()
            _fork_for(service, theirs)
        theirs.close()
        # So that a worker, whose parent ends at once, becomes a child of this process.
        _prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    async def start(
        self, program: str, *arguments: str, pass_fds: Sequence[int] = (), **others: Any
    ) -> Any:
        """Start a worker, or do what :func:`asyncio.create_subprocess_exec` does."""
        if arguments[:2] != ("-P", "-m"):
            return await _start_program(program, *arguments, pass_fds=pass_fds, **others)
        its_input, ours = os.pipe()
        output, its_output = os.pipe()
        request = json.dumps([arguments[2], pass_fds]).encode()
        socket.send_fds(self._connection, [request], [its_input, its_output, *pass_fds])
        os.close(its_input)
        os.close(its_output)
        pid = int(self._connection.recv(_LARGEST))
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        stdin, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, _opened(ours, "wb"))
        await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), _opened(output, "rb")
        )
        return _Worker(pid, stdin, reader)


def _name(process: str) -> None:
    _prctl(_SET_NAME, process.encode(), 0, 0, 0)


def _opened(descriptor: int, mode: str) -> IO[bytes]:
    return os.fdopen(descriptor, mode, 0)


def _fork_for(service: int, connection: socket.socket) -> NoReturn:
    """Fork a worker for each request, until the service ends."""
    _name(FORKER)
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, _LARGEST, _MOST)
        if not message:
            os._exit(0)
        ours, theirs = os.pipe()
        between = os.fork()
        if not between:
            worker = os.fork()
            if worker:
                os.write(theirs, str(worker).encode())
                os._exit(0)
            for descriptor in (ours, theirs, connection.detach()):
                os.close(descriptor)
            module, numbers = json.loads(message)
            _run(service, module, descriptors, [0, 1, *numbers])
        os.close(theirs)
        for descriptor in descriptors:
            os.close(descriptor)
        pid = os.read(ours, 100)
        os.close(ours)
        os.waitpid(between, 0)
        connection.send(pid)


def _run(service: int, module: str, descriptors: Sequence[int], numbers: Sequence[int]) -> NoReturn:
    """Be the worker, with the descriptors under the numbers that they have in the service."""
    status = 0
    _name("worker")
    try:
        above = max([*descriptors, *numbers]) + 1
        for index, descriptor in enumerate(descriptors):
            os.dup2(descriptor, above + index)
            os.close(descriptor)
        for index, number in enumerate(numbers):
            os.dup2(above + index, number)
            os.close(above + index)
        for limit in _INHERITED_LIMITS:
            resource.setrlimit(limit, resource.prlimit(service, limit))
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        import_module(module).main()
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001  as Python itself does
        traceback.print_exc()
        status = 1
    os._exit(status)


if __name__ == "__main__":
    asyncio.create_subprocess_exec = _Forker().start  # type: ignore[assignment]
    main()
