"""The clients that tests let come to TLS servers leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import threading
from pathlib import Path

from tests.support.self_signed import certificate
from tests.support.tls_load import load


def _answer(listener: socket.socket, tls: ssl.SSLContext) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        try:
            with connection, tls.wrap_socket(connection, server_side=True) as encrypted:
                encrypted.recv(1000)
                encrypted.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        except OSError:
            continue


async def _come(port: int, turns: int) -> None:
    async with load(port, 4) as clients:
        for _ in range(turns):
            await asyncio.sleep(0)
    assert clients.failures == []


def test_no_connection_is_left_when_the_last_client_has_gone(tmp_path: Path) -> None:
    _, tls = certificate(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_answer, args=(listener, tls))
        thread.start()
        for turns in range(0, 60, 3):
            asyncio.run(_come(listener.getsockname()[1], turns))
            gc.collect()  # what is left warns, which fails the test
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
