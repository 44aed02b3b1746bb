"""The process that forks commands for :mod:`tests.support.command`: it has imported all of them.

It runs as a program of its own, with a socket that sends what is to be run, and how.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import ctypes
import fcntl
import gc
import io
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sqlite3
import ssl
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn, TypedDict

LARGEST = 200_000  # bytes of a request
_LATE = (  # imported only where something is connected to, or served, or has a password
    *("anyio._backends._asyncio", "httpcore2", "argon2", "importlib.resources.readers"),
    *("uvicorn.lifespan.off", "uvloop", "importlib.readers"),
    "cryptography.hazmat.backends.openssl.backend",
)
_DAC = (1, 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
_PR_CAPBSET_DROP = 24
_CAPABILITY_VERSION_3 = 0x20080522
_MADV_COLLAPSE = 25


class Request(TypedDict):
    """What is to be run, and how; its standard streams and the pipe to tell come beside it."""

    arguments: Sequence[str]
    environment: dict[str, str]  # all of it
    folder: str
    module: str
    at_terminal: bool
    bound: bool


def _serve(connection: socket.socket) -> Request:
    """Fork for each request; return in the fork, once it is what the request wants it to be."""
    import zoneproof

    for module in pkgutil.walk_packages(zoneproof.__path__, "zoneproof."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    for name in _LATE:
        import_module(name)
    ssl.create_default_context()  # at the first of which OpenSSL makes itself ready
    sqlite3.connect(":memory:").close()
    _compile_templates()
    _run_some()
    gc.collect()
    gc.freeze()  # so that memory stays shared
    _collapse()
    told: dict[int, tuple[int, int]] = {}  # each process by its pidfd: its pid, and whom to tell
    requests = connection.fileno()
    while True:
        for ready in select.select([requests, *told], [], [])[0]:
            if ready != requests:
                pid, pipe = told.pop(ready)
                status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                os.close(ready)
                _tell(pipe, status)
                os.close(pipe)
                continue
            message, fds, _, _ = socket.recv_fds(connection, LARGEST, 4)
            if not message:
                os._exit(0)
            pid = os.fork()
            if pid:
                _tell(fds[3], pid)
                for fd in fds[:3]:
                    os.close(fd)
                told[os.pidfd_open(pid)] = pid, fds[3]
                continue
            connection.close()
            for fd in [fds[3], *told, *(pipe for _, pipe in told.values())]:
                os.close(fd)
            request: Request = json.loads(message)
            become(request, fds[:3])
            return request


def _compile_templates() -> None:
    from zoneproof.pages.rendering import templates_of

    for package in ("zoneproof.web", "zoneproof.challengepages"):
        environment = templates_of(package)._environment
        for name in environment.list_templates():
            environment.get_template(name)


def _run_some() -> None:
    """Run some commands, so that what Python and libraries make at the first use is there."""
    with (
        tempfile.TemporaryDirectory() as home,
        Path(os.devnull).open("w") as nothing,
        contextlib.redirect_stdout(nothing),
        contextlib.redirect_stderr(nothing),
    ):
        os.environ["ZONEPROOF_HOME"] = home
        for words in (("add", "a.example", "--webroot", home), ("list",), ("show", "a.example")):
            sys.argv[1:] = words
            with contextlib.suppress(SystemExit):
                runpy.run_module("zoneproof", run_name="__main__", alter_sys=True)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    asyncio.set_event_loop_policy(None)  # whose watcher of children is for a loop that has ended


def _collapse() -> None:
    """Put our memory in huge pages, where the kernel can: their tables are soon copied."""
    libc = ctypes.CDLL(None)
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, mode, _, _, inode, *_ = line.split()
        if mode == "rw-p" and inode == "0":
            start, end = (int(address, 16) for address in addresses.split("-"))
            libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_COLLAPSE)


def _tell(pipe: int, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody waits for it any longer
        os.write(pipe, f"{number}\n".encode())


def become(request: Request, streams: Sequence[int]) -> None:
    for standard, fd in enumerate(streams):
        os.dup2(fd, standard)
    for fd in streams:
        os.close(fd)
    if request["at_terminal"]:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # What a stream can do, Python finds out when it opens it.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    # Unbuffered, as with -u: where input() flushes a question, Python forgets an interrupt.
    raw = open(2, "wb", 0, closefd=False)  # noqa: SIM115
    sys.stderr = io.TextIOWrapper(raw, errors="backslashreplace", write_through=True)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    tempfile.tempdir = None  # which depends on the environment
    os.chdir(request["folder"])
    if request["bound"]:
        _be_bound()
    sys.argv[1:] = request["arguments"]


def _be_bound() -> None:
    """Give up, for good, what lets root read and write in spite of modes (capabilities(7))."""
    libc = ctypes.CDLL(None)
    for capability in _DAC:
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # for programs that it runs
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    held = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; of 32 more, too
    libc.capget(header, held)
    for index in range(3):
        held[index] &= ~sum(1 << capability for capability in _DAC)
    if libc.capset(header, held):
        raise OSError("cannot give up a capability")


def _run(module: str) -> NoReturn:
    """Run the module as Python's ``-m`` does, and end as Python does, but for the taking apart."""
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(end.code or 0))
    raise AssertionError(f"{module} did not exit")


if __name__ == "__main__":
    _run(_serve(socket.socket(fileno=int(sys.argv[1])))["module"])
