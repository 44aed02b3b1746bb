"""Connections of peers that behave badly, while honest ones go on asking.

First connections are opened, asked on, and closed or reset, one after the other: memory must end as
it began. Then, for some seconds each, crowds that pipeline, do not read, never finish a request or
say nothing at all hold all the connections that they get, from ten addresses. Meanwhile every
honest question must be answered, and memory must stay within what the service says that it may be.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import resource
import socket
import ssl
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import NamedTuple

from bench._message import name_on_wire, write_question
from bench._processes import memory
from bench._service import BenchService
from bench.soak.asking import ask_tcp, txt_question
from bench.soak.progress import Progress, SoakError
from tests.support.challenge_service import (
    ZONE,
    txt,
    write_config,
)
from tests.support.challenge_service import (
    register as register_one,
)
from tests.support.challenge_service import (
    update as update_one,
)
from tests.support.self_signed import write_certificate
from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.runtime.capacity import capacity
from zoneproof.serving.capacity import file_limit, usable_memory

_CROWD = 4_000
_SECONDS = 10.0
_ADDRESSES = 10
_BACK_AT_ONCE, _PAUSE = 10, 0.02  # connections, and seconds until the next
_HONEST_SECONDS = 10.0  # after which an honest client has given up
_SLACK = 12_000_000  # bytes that caches may grow by
_HTTP_SHARE = 10  # one connection to the API for so many by DNS
_RESET = b"\1\0\0\0\0\0\0\0"  # SO_LINGER of no seconds
_MANY_VALUES = 16
_IP_BIND_ADDRESS_NO_PORT = 24  # Linux; the socket module has no name for it
_TLS = 'tls = "file"\ncertificate = "cert.pem"\nkey = "key.pem"'

_LARGE_GET = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 200
_HALF_A_HANDSHAKE = b"\x16\x03\x01\x40\x00" + bytes(16_000)
_UNFINISHED = b"POST /register HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"


class _Attack(NamedTuple):
    """What each of a crowd sends, again and again, and whether it reads what it gets."""

    what: str
    data: bytes
    reads: bool = False


_ON_API = (
    _Attack("API, pipelining and not reading", _LARGE_GET),
    _Attack("API, unfinished bodies", _UNFINISHED),
    _Attack("API, silent", b""),
)
_ON_TLS = (
    _Attack("TLS, silent", b""),
    _Attack("TLS, half a handshake", _HALF_A_HANDSHAKE),
)


class _Target:
    """A running service, and the name of a registration with many values."""

    def __init__(self, service: BenchService, name: str, crowd: int) -> None:
        self.service = service
        self.crowd = crowd
        self.question = write_question(name_on_wire(name), 1)
        self.dns = ("127.0.0.1", service.dns_port)
        host, port = service.url.rpartition("/")[2].split(":")
        self.api = (host, int(port))

    def memory(self) -> int:
        return memory(self.service.processes())


def run(count: int, seed: int, *, crowd: int = _CROWD, seconds: float = _SECONDS) -> None:
    """Open so many connections one after the other, then let the crowds come.

    Raises SoakError for memory that is not given back, and for an honest client without an answer.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name, _service(Path(name), "", crowd) as target:
        _wear(target, "DNS by TCP", count, lambda index: _ask_once(target, index))
        _wear(target, "the API", count // _HTTP_SHARE, lambda index: _get_once(target, index))
        framed = (len(target.question).to_bytes(2, "big") + target.question) * 50
        for attack in (
            _Attack("DNS, silent", b""),
            _Attack("DNS, pipelining", framed, reads=True),
            _Attack("DNS, pipelining and not reading", framed),
        ):
            _withstand(target, target.dns, attack, seconds, lambda: _honest_dns(target, rng))
        for attack in _ON_API:
            _withstand(target, target.api, attack, seconds, lambda: _honest_api(target, None))
    with tempfile.TemporaryDirectory() as name, _service(Path(name), _TLS, crowd) as target:
        context = ssl.create_default_context(cafile=str(Path(name) / "cert.pem"))
        _wear(target, "TLS", count // _HTTP_SHARE, lambda index: _greet_once(target, index))
        for attack in _ON_TLS:
            _withstand(target, target.api, attack, seconds, lambda: _honest_api(target, context))


@contextlib.contextmanager
def _service(folder: Path, api: str, crowd: int) -> Iterator[_Target]:
    """Run a service with the limits that it has by default, and a registration with values."""
    write_certificate(folder, "localhost")
    config = write_config(folder)
    with BenchService(config) as service:
        made = register_one(service.url)
        for number in range(_MANY_VALUES):
            update_one(service.url, made, txt(chr(ord("a") + number)))
    text = config.read_text().replace("rate_limit_address = 0\n", f"{api}\n")
    config.write_text(text)
    with BenchService(config) as service:
        yield _Target(service, made.fulldomain, crowd)


def _wear(target: _Target, what: str, count: int, once: Callable[[int], None]) -> None:
    """Open many connections in turn, and compare memory after a tenth and at the end."""
    progress = Progress(count, f"connections, {what}")
    before = 0
    for index in range(count):
        if index == count // 10:
            before = target.memory()
        once(index)
        progress.show(index)
    progress.finish()
    target.service.wait_until_idle()
    after = target.memory()
    print(f"  memory: {before / 1e6:.1f} MB after a tenth of them, {after / 1e6:.1f} MB after all")
    if after > before + _SLACK:
        raise SoakError(f"{what}: memory grew from {before:,} to {after:,} bytes")


def _withstand(
    target: _Target,
    address: tuple[str, int],
    attack: _Attack,
    seconds: float,
    ask: Callable[[], None],
) -> None:
    """Ask honestly all the while that a crowd holds its connections; all must be answered."""
    config = load_config(target.service.config)
    allowed = capacity(config, file_limit(), usable_memory()).memory
    before = peak = target.memory()
    times: list[float] = []
    faults: list[str] = []
    context = multiprocessing.get_context("forkserver")
    all_there, over = context.Event(), context.Event()
    crowd = context.Process(target=_hold, args=(address, attack, target.crowd, all_there, over))
    crowd.start()
    try:
        if not all_there.wait(60):
            raise SoakError(f"{attack.what}: the crowd could not connect")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            _ask(ask, times, faults)
            peak = max(peak, target.memory())
            time.sleep(0.05)
    finally:
        over.set()
        crowd.join(10)
        crowd.kill()
    asked, middle = len(times) + len(faults), statistics.median(times or [0])
    print(
        f"  {attack.what}: {len(times):,} of {asked:,} honest questions answered, in"
        f" {middle * 1000:,.0f} ms (median) to {max(times, default=0) * 1000:,.0f} ms;"
        f" {(peak - before) / 1e6:,.1f} MB more memory",
        flush=True,
    )
    if faults or not times:
        raise SoakError(f"{attack.what}: an honest client got no answer: {(faults or ['?'])[0]}")
    if peak - before > allowed:
        raise SoakError(f"{attack.what}: {peak - before:,} bytes more, of at most {allowed:,}")


def _ask(ask: Callable[[], None], times: list[float], faults: list[str]) -> None:
    began = time.monotonic()
    try:
        ask()
    except (OSError, SoakError) as error:
        faults.append(repr(error))
    else:
        times.append(time.monotonic() - began)


# --- those who come once, and go -----------------------------------------------------------------


def _ask_once(target: _Target, index: int) -> None:
    with _open(target.dns, index) as sock:
        sock.sendall(len(target.question).to_bytes(2, "big") + target.question)
        sock.recv(4096)
        _end(sock, index)


def _get_once(target: _Target, index: int) -> None:
    with _open(target.api, index) as sock:
        sock.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.recv(4096)
        _end(sock, index)


def _greet_once(target: _Target, index: int) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with _open(target.api, index) as sock:
        if index % 4 < 2:
            sock.sendall(
                b"\x16\x03\x01\x02\x00\x01" if index % 2 else b"not a handshake at all\r\n"
            )
            _end(sock, index)
            return
        with context.wrap_socket(sock) as secure:
            secure.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
            secure.recv(4096)
            _end(secure, index // 2)


def _end(sock: socket.socket, index: int) -> None:
    if index % 2:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


# --- those who stay ------------------------------------------------------------------------------


def _hold(
    address: tuple[str, int], attack: _Attack, count: int, all_there: Event, over: Event
) -> None:
    """Keep a crowd of connections and send on each, again and again; open anew what is closed.

    The crowd comes as fast as it can, and comes back at some hundred connections a second.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.nice(19)  # as if it were on other machines
    crowd = [_Peer(address, index) for index in range(count)]
    while not over.is_set():
        lost = [index for index, peer in enumerate(crowd) if not peer.goes_on(attack)]
        for index in lost[:_BACK_AT_ONCE]:
            crowd[index] = _Peer(address, index)
        all_there.set()
        time.sleep(_PAUSE)


class _Peer:
    """One of a crowd."""

    def __init__(self, address: tuple[str, int], index: int) -> None:
        self._rest = b""
        self._sock = _socket(index)
        self._sock.setblocking(False)
        self._sock.connect_ex(address)

    def goes_on(self, attack: _Attack) -> bool:
        """Send and receive what is possible now; False when the connection is closed."""
        if self._sock.fileno() < 0:
            return False
        try:
            with contextlib.suppress(BlockingIOError):
                self._rest = self._rest or attack.data
                self._rest = self._rest[self._sock.send(self._rest) :]
            if attack.reads or not attack.data:
                if self._sock.recv(65536):
                    return True
                self._sock.close()
                return False
        except BlockingIOError:
            return True
        except OSError:
            self._sock.close()
            return False
        return True


def _open(address: tuple[str, int], index: int) -> socket.socket:
    sock = _socket(index)
    sock.settimeout(_HONEST_SECONDS)
    sock.connect(address)
    return sock


def _socket(index: int) -> socket.socket:
    sock = socket.socket()
    # So that a port is free again for other peers: there would be too few for so many connections.
    sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
    sock.bind((f"127.0.1.{index % _ADDRESSES}", 0))
    return sock


# --- those who ask honestly ----------------------------------------------------------------------


def _honest_dns(target: _Target, rng: random.Random) -> None:
    ask_tcp(target.service.dns_port, txt_question(rng, ZONE))


def _honest_api(target: _Target, context: ssl.SSLContext | None) -> None:
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.create_connection(target.api, _HONEST_SECONDS))
        if context is not None:
            sock = stack.enter_context(context.wrap_socket(sock, server_hostname="localhost"))
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = sock.recv(4096)
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise SoakError(f"the API answered {answer!r}")
