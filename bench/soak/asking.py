"""Asks a running service over real sockets, from ever new ports, so that any worker answers."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator, Sequence

from bench._message import TXT, Message, name_on_wire, read_message, write_question
from bench.soak.progress import SoakError

_SECONDS = 20.0
_AT_ONCE = 32


def ask_udp(port: int, question: bytes) -> Message:
    """Ask one question by UDP. Raises SoakError without a well-formed answer to it."""
    with _socket(socket.SOCK_DGRAM, port) as sock:
        sock.send(question)
        return read_reply(question, sock.recv(4096))


def ask_tcp(port: int, question: bytes) -> Message:
    """Ask one question by TCP. Raises SoakError without a well-formed answer to it."""
    with _socket(socket.SOCK_STREAM, port) as sock:
        sock.sendall(len(question).to_bytes(2, "big") + question)
        return read_reply(question, receive_framed(sock))


def receive_framed(sock: socket.socket) -> bytes:
    """Return the next message of a TCP connection. Raises SoakError if it ends instead."""
    length = int.from_bytes(_receive(sock, 2), "big")
    return _receive(sock, length)


def ask_many(port: int, names: Sequence[str]) -> Iterator[tuple[str, Message]]:
    """Ask for the TXT records of many names by UDP, and yield each with its answer."""
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        questions = [write_question(name_on_wire(name), i) for i, name in enumerate(some)]
        with _socket(socket.SOCK_DGRAM, port) as sock:
            for question in questions:
                sock.send(question)
            for _ in some:
                reply = sock.recv(4096)
                number = int.from_bytes(reply[:2], "big")
                yield some[number], read_reply(questions[number], reply)


def mixed_case(rng: random.Random, name: str) -> str:
    """Return a name in which each letter is small or capital, as resolvers ask against forgery."""
    return "".join(char.upper() if rng.random() < 0.5 else char for char in name)


def txt_question(rng: random.Random, name: str, rdtype: int = TXT) -> bytes:
    """Return a question as a resolver asks it: mixed case, a random id."""
    return write_question(name_on_wire(mixed_case(rng, name)), rng.getrandbits(16), rdtype)


def read_reply(question: bytes, reply: bytes) -> Message:
    """Return the answer to a question. Raises SoakError if it is none."""
    try:
        message = read_message(reply)
    except ValueError as error:
        raise SoakError(f"{error}: {reply.hex()} to {question.hex()}") from error
    if reply[:2] != question[:2] or not message.is_response:
        raise SoakError(f"an answer to another question: {reply.hex()} to {question.hex()}")
    if message.question != question[12 : 12 + len(message.question)]:
        raise SoakError(f"the question came back changed: {reply.hex()} to {question.hex()}")
    return message


def _socket(kind: socket.SocketKind, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, kind)
    sock.settimeout(_SECONDS)
    sock.connect(("127.0.0.1", port))
    return sock


def _receive(sock: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = sock.recv(length - len(data))
        if not more:
            raise SoakError("the service closed a TCP connection instead of answering")
        data += more
    return data
