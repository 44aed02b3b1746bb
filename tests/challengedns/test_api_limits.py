"""The API's limits, served in the test's process: rates, storage, certificates."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

import httpx2
import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from tests.support.challenge_service import Reply, open_for, request, txt, write_config
from tests.support.opened_service import OpenRegistrations
from tests.support.self_signed import write_certificate
from zoneproof.challengedns.api.certificate import configured_key_pair
from zoneproof.challengedns.config import ApiConfig, Config, load_config
from zoneproof.challengedns.store.registrations import Registrations
from zoneproof.challengedns.store.sqlite_database import SqliteDatabase
from zoneproof.core.errors import ConfigError, StorageError
from zoneproof.serving.middleware import Turns
from zoneproof.serving.server import HttpServer
from zoneproof.storage import SqliteStore, Transaction

T = TypeVar("T")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config(write_config(tmp_path))


@asynccontextmanager
async def serving(registrations: OpenRegistrations, api: ApiConfig) -> AsyncIterator[str]:
    """Serve the API; yields its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = HttpServer(registrations.app(api), connections=100, of_one=100)
    server.start([listener])
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        await server.stop()
        await registrations.close()


async def call(address: str, method: str, path: str, *rest: Any) -> Reply:
    return await asyncio.to_thread(request, f"http://{address}", method, path, *rest)


async def test_an_address_that_asks_too_often_gets_429_with_retry_after(config: Config) -> None:
    api = replace(config.api, rate_limit_address=3)
    async with serving(open_for(config), api) as address:
        for _ in range(3):
            assert (await call(address, "POST", "/register")).status == 201
        reply = await call(address, "POST", "/register")
        assert (reply.status, reply.json) == (429, {"error": "rate_limited"})
        assert 0 < int(reply.headers["Retry-After"]) <= 20
        assert reply.headers["Connection"] == "close"
        assert (await call(address, "GET", "/health")).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("GET", "/api/v1/openapi.json"),
        ("GET", "/api/v1/registrations"),
        ("POST", "/update"),
        ("OPTIONS", "/register"),
        ("GET", "/health"),
    ],
)
async def test_every_path_is_counted(config: Config, method: str, path: str) -> None:
    api = replace(config.api, rate_limit_address=2, cors_origins=("*",))
    async with serving(open_for(config), api) as address:
        replies = [await call(address, method, path) for _ in range(3)]
        assert [reply.status == 429 for reply in replies] == [False, False, True]
        assert replies[2].json["error"] == "rate_limited"


async def test_callers_take_turns_however_much_each_wants() -> None:
    turns = Turns(at_once=2)
    order: list[str] = []

    async def take(caller: str) -> None:
        await turns.take(caller)
        order.append(caller)

    async with asyncio.TaskGroup() as tasks:
        for caller in "aaaaaaaabc":
            tasks.create_task(take(caller))
    assert "".join(order) == "aaabcaaaaa"


async def test_one_registration_that_asks_too_often_leaves_others_alone(config: Config) -> None:
    api = replace(config.api, rate_limit_registration=2)
    registrations = open_for(config)
    async with serving(registrations, api) as address:

        async def update(headers: dict[str, str], subdomain: str) -> int:
            body = f'{{"subdomain": "{subdomain}", "txt": "{txt("a")}"}}'
            return (await call(address, "POST", "/update", body, headers)).status

        first, second = await registrations.register(), await registrations.register()
        own = {"X-Api-User": first.username, "X-Api-Key": first.password}
        guess = {"X-Api-User": first.username, "X-Api-Key": "x" * 40}
        other = {"X-Api-User": second.username, "X-Api-Key": second.password}
        assert [await update(guess, first.subdomain) for _ in range(3)] == [401, 401, 429]
        assert [await update(own, first.subdomain) for _ in range(3)] == [200, 200, 429]
        assert await update(other, second.subdomain) == 200
        loud = {**own, "X-Api-User": first.username.upper()}
        assert await update(loud, first.subdomain) == 429


class BrokenStore:
    """The Store protocol on a disk that fails."""

    async def read(self, work: Callable[[Transaction], T]) -> T:
        raise StorageError("the database: the disk reports an error")

    async def write(self, work: Callable[[Transaction], T], *, anyway: bool) -> T:
        raise StorageError("the database: the disk reports an error")

    async def close(self) -> None:
        pass


async def test_with_broken_storage_the_api_says_so(config: Config) -> None:
    database = SqliteDatabase(cast("SqliteStore", BrokenStore()), config.database)
    broken = OpenRegistrations(database, Registrations(config.registration_zone, 60))
    async with serving(broken, config.api) as address:
        health = await call(address, "GET", "/health")
        assert (health.status, health.json) == (503, {"error": "storage_unavailable"})
        for path in ("/register", "/update"):
            reply = await call(address, "POST", path, "{}")
            assert (reply.status, reply.json) == (500, {"error": "db_error"})


TLS = 'tls = "file"\ncertificate = "cert.pem"\nkey = "key.pem"'


async def test_https_with_certificate_files_that_can_be_replaced(tmp_path: Path) -> None:
    write_certificate(tmp_path, "localhost")
    config = load_config(write_config(tmp_path, api=TLS))
    registrations = open_for(config)
    listener = socket.create_server(("127.0.0.1", 0))
    pair = configured_key_pair(config.api)
    assert pair is not None
    server = HttpServer(
        registrations.app(config.api),
        pair,
        connections=10,
        of_one=10,
    )
    server.start([listener])
    address = listener.getsockname()
    context = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    async with httpx2.AsyncClient(verify=context) as client:
        reply = await client.get(f"https://localhost:{address[1]}/health")
        assert reply.status_code == 200
    renewed = write_certificate(tmp_path, "localhost")
    server.use_certificate(pair)
    shown = await asyncio.to_thread(ssl.get_server_certificate, address)
    assert ssl.PEM_cert_to_DER_cert(shown) == renewed
    (tmp_path / "key.pem").write_text("nonsense")
    with pytest.raises(ConfigError, match=r"cannot use the certificate .*cert.pem"):
        server.use_certificate(pair)
    assert server.scheme == "https"
    await server.stop()
    await registrations.close()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("missing", "key.pem: No such file or directory"),
        ("another", "the key is not this certificate's own"),
        ("nonsense", "key.pem is not a PEM private key"),
        ("password", "the key has a password: store it without one"),
        ("no certificate", "cert.pem is not a PEM certificate"),
    ],
)
def test_certificate_files_that_cannot_be_used_are_named(
    tmp_path: Path, damage: str, said: str
) -> None:
    write_certificate(tmp_path, "localhost")
    key = tmp_path / "key.pem"
    if damage == "missing":
        key.unlink()
    elif damage == "nonsense":
        key.write_text("nonsense")
    elif damage == "no certificate":
        (tmp_path / "cert.pem").write_text("nonsense")
    elif damage == "password":
        loaded = load_pem_private_key(key.read_bytes(), None)
        key.write_bytes(
            loaded.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
        )
    else:
        certificate = (tmp_path / "cert.pem").read_bytes()
        write_certificate(tmp_path, "localhost")
        (tmp_path / "cert.pem").write_bytes(certificate)
    config = load_config(write_config(tmp_path, api=TLS))
    pair = configured_key_pair(config.api)
    with pytest.raises(ConfigError) as caught:
        HttpServer(lambda *_: asyncio.sleep(0), pair, connections=10, of_one=10)
    assert str(key) in caught.value.message
    assert said in caught.value.message
    assert "\n" not in caught.value.message
