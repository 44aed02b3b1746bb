"""Hostile packets: most straight into what answers them, a share over sockets to a whole service.

Nothing may fail, and whatever comes back must be well-formed to its last byte and belong to its
question. dnspython looks at some of the answers too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import random
import socket
import tempfile
from collections.abc import Sequence
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import dns.message

from bench.soak.asking import ask_udp, receive_framed, txt_question
from bench.soak.hostile import Hostile, deserves_answer, judge
from bench.soak.progress import Progress, SoakError
from tests.support.challenge_service import Service, make_responder, open_for, write_config
from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.dns.answers import Responder

_UDP_SHARE, _TCP_SHARE = 20, 100  # one of so many goes over a socket as well
_ORACLE_SHARE = 100
_TRUNCATED_SHARE = 20
_VALUES = 0, 1, 5, 16  # of the registrations that the packets ask for
_BATCH = 32
_TOLD = 1000  # packets between two messages to the progress line
_SECONDS = 20.0

_STATIC = (
    "auth.example.org",
    "ns1.auth.example.org",
    "www.auth.example.org",
    "b.c.auth.example.org",
    "x.wild.auth.example.org",
    "here.wild.auth.example.org",
    "alias.example.com",
    "outside.example.com",
    "nowhere.example.com",
    "loop1.example.com",
    "inner.deep.example.com",
    "deep.example.com",
    "00000000-0000-4000-8000-000000000000.auth.example.org",
    "elsewhere.net",
    "",
)


def run(count: int, seed: int) -> None:
    """Send so many packets. Raises SoakError at the first fault."""
    with tempfile.TemporaryDirectory() as folder:
        config = write_config(Path(folder))
        names = [*_STATIC, *asyncio.run(_register(config))]
        names.append(f"evil.{names[-1]}")
        _in_process(config, names, count, seed)
        with Service(config) as service:
            _over_sockets(service, names, count, seed)


async def _register(config: Path) -> list[str]:
    registrations = open_for(load_config(config))
    names = []
    for values in _VALUES:
        made = await registrations.register()
        names.append(made.fulldomain)
        for number in range(values):
            await registrations.publish(made.subdomain, f"{number:043}")
    await registrations.close()
    return names


# --- in process ----------------------------------------------------------------------------------


def _in_process(config: Path, names: Sequence[str], count: int, seed: int) -> None:
    workers = os.cpu_count() or 1
    context = multiprocessing.get_context("spawn")
    done = context.Value("q", 0)
    faults: multiprocessing.SimpleQueue[str] = context.SimpleQueue()
    processes = [
        context.Process(
            target=_answer_all,
            args=(config, names, f"{seed}/{worker}", _part(count, workers, worker), done, faults),
        )
        for worker in range(workers)
    ]
    progress = Progress(count, f"packets in {workers} processes")
    try:
        for process in processes:
            process.start()
        while any(process.is_alive() for process in processes):
            for process in processes:
                process.join(0.2)
            progress.show(done.value)
            if not faults.empty():
                raise SoakError(faults.get())
        if not faults.empty():
            raise SoakError(faults.get())
        if any(process.exitcode for process in processes):
            raise SoakError("a process ended before its packets did")
    finally:
        for process in processes:
            process.kill()
            process.join()
    progress.finish()


def _part(count: int, workers: int, worker: int) -> int:
    return count // workers + (worker < count % workers)


def _answer_all(
    config: Path,
    names: Sequence[str],
    seed: str,
    count: int,
    done: Synchronized[int],
    faults: multiprocessing.SimpleQueue[str],
) -> None:
    responder = make_responder(load_config(config))
    logged = _Logged()
    logging.getLogger("zoneproof").addHandler(logged)
    hostile = Hostile(seed, names)
    rng = random.Random(seed)
    for number in range(count):
        packet = hostile.packet()
        try:
            _answer(responder, packet, rng, number)
            if logged.lines:
                raise ValueError(logged.lines[0])
        except Exception as error:  # noqa: BLE001  whatever comes out is the fault looked for
            faults.put(f"{type(error).__name__}: {error}; packet {number} is {packet.hex()}")
            return
        if number % _TOLD == _TOLD - 1:
            with done.get_lock():
                done.value += _TOLD


def _answer(responder: Responder, packet: bytes, rng: random.Random, number: int) -> None:
    tcp = rng.random() < 0.3
    reply = responder.respond(packet, tcp=tcp)
    judge(packet, reply, tcp=tcp)
    if number % _ORACLE_SHARE == 0 and reply is not None:
        dns.message.from_wire(reply)
    if number % _TRUNCATED_SHARE == 0:
        judge(packet, responder.truncated(packet), tcp=False)


class _Logged(logging.Handler):
    """Keeps what is logged: the service logs exceptions, and answers SERVFAIL."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(self.format(record))


# --- over sockets --------------------------------------------------------------------------------


def _over_sockets(service: Service, names: Sequence[str], count: int, seed: int) -> None:
    workers = service.workers()
    _by_udp(service, Hostile(f"{seed}/udp", names), count // _UDP_SHARE)
    _by_tcp(service, Hostile(f"{seed}/tcp", names), count // _TCP_SHARE)
    rng = random.Random(seed)
    for name, values in zip(names[len(_STATIC) :], _VALUES, strict=False):
        for _ in range(_BATCH):  # enough to reach every worker
            if len(ask_udp(service.dns_port, txt_question(rng, name)).texts) != values:
                raise SoakError(f"{name} has lost values")
    if service.workers() != workers:
        raise SoakError("a DNS worker ended")
    if said := [line for line in service.lines if "ready" not in line]:
        raise SoakError(f"the service said: {said[0]}")


def _by_udp(service: Service, hostile: Hostile, count: int) -> None:
    progress = Progress(count, "packets by UDP")
    for start in range(0, count, _BATCH):
        # Ids tell the answers of a batch apart.
        packets = {}
        for number in range(min(_BATCH, count - start)):
            packet = hostile.packet()
            packets[number] = number.to_bytes(2, "big")[: len(packet)] + packet[2:]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(_SECONDS)
            sock.connect(("127.0.0.1", service.dns_port))
            for packet in packets.values():
                sock.send(packet)
            _take_replies(sock, packets)
        progress.show(start)
    progress.finish()


def _take_replies(sock: socket.socket, packets: dict[int, bytes]) -> None:
    waiting = {number for number, packet in packets.items() if deserves_answer(packet)}
    while waiting:
        try:
            reply = sock.recv(65535)
        except TimeoutError:
            packet = packets[waiting.pop()]
            raise SoakError(f"no answer by UDP to {packet.hex()}") from None
        number = int.from_bytes(reply[:2], "big")
        if number not in waiting:
            raise SoakError(f"an answer that nobody waits for: {reply.hex()}")
        waiting.remove(number)
        _judge(packets[number], reply, tcp=False)


def _by_tcp(service: Service, hostile: Hostile, count: int) -> None:
    progress = Progress(count, "packets by TCP")
    for start in range(0, count, _BATCH):
        packets = [hostile.packet() for _ in range(min(_BATCH, count - start))]
        with socket.create_connection(("127.0.0.1", service.dns_port), _SECONDS) as sock:
            sock.sendall(b"".join(len(each).to_bytes(2, "big") + each for each in packets))
            for packet in filter(deserves_answer, packets):
                _judge(packet, receive_framed(sock), tcp=True)
            # And one whose frame promises more than comes, or less.
            with contextlib.suppress(OSError):
                sock.sendall(packets[0])
        progress.show(start)
    progress.finish()


def _judge(packet: bytes, reply: bytes, *, tcp: bool) -> None:
    try:
        judge(packet, reply, tcp=tcp)
    except ValueError as error:
        raise SoakError(f"{error}: {reply.hex()} to {packet.hex()}") from error
