"""A Python that has imported some modules already, for programs that take long to import them.

:func:`imported_python` makes a command that runs a script as ``python -I script`` does, in a fork
of a process with those modules. It ends as the script does; killed, it takes the script with it.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

_LAUNCHER = Path(__file__).with_name("launch_in_imported_python.py")
_LARGEST = 200_000  # bytes of a request


@contextlib.contextmanager
def imported_python(folder: Path, *modules: str) -> Iterator[list[str]]:
    """Import the modules once, until the block ends; the socket stands in ``folder``."""
    address = folder / "python.socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(address))
        listener.listen(100)
        number = listener.fileno()
        python = [sys.executable, "-I", "-B", "-W", "ignore", __file__]
        process = subprocess.Popen(
            [*python, str(number), *modules],
            pass_fds=[number],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    try:
        yield [sys.executable, "-I", "-S", str(_LAUNCHER), str(address)]
    finally:
        process.terminate()
        process.wait(10)


def _serve(listener: socket.socket, modules: Sequence[str]) -> socket.socket:
    """Fork for each connection, and return it in the fork."""
    for module in modules:
        import_module(module)
    gc.collect()
    gc.freeze()  # so that memory stays shared
    while True:
        connection, _ = listener.accept()
        if not os.fork():
            listener.close()
            return connection
        connection.close()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _run(connection: socket.socket) -> NoReturn:
    """Run the script of a request with the streams and the environment that come with it."""
    message, fds, _, _ = socket.recv_fds(connection, _LARGEST, 3)
    words, environment = (part.split(b"\0") for part in message.split(b"\0\0"))
    for standard, fd in enumerate(fds):
        os.dup2(fd, standard)
        os.close(fd)
    os.environb.clear()
    for line in environment:
        name, _, value = line.partition(b"=")
        os.environb[name] = value
    sys.argv = [os.fsdecode(word) for word in words]
    threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
    status = 0
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        status = 1 if isinstance(end.code, str) else end.code or 0
    except Exception:  # noqa: BLE001  as Python itself does
        traceback.print_exc()
        status = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    connection.send(bytes([status]))
    os._exit(status)  # before Python takes all modules apart


def _end_with(connection: socket.socket) -> None:
    connection.recv(1)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    _run(_serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:]))
