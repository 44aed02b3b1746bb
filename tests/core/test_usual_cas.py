"""The usual CAs: shared while in use, seen anew afterwards, and told where there are none."""

from __future__ import annotations

import gc
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.fake_http import FakeHttpServer, Reply, fake_http_server
from tests.support.self_signed import certificate
from zoneproof.core.errors import ConfigError
from zoneproof.core.http import HttpClient, NoReplyError
from zoneproof.core.usual_cas import usual_cas

Environment = pytest.MonkeyPatch


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[FakeHttpServer]:
    """Have a server whose certificate is trusted by whoever has read ``ca.pem``."""
    _, tls = certificate(tmp_path)
    async with fake_http_server(lambda _: Reply(body=b"here"), tls) as running:
        yield running


async def _get(url: str) -> bytes:
    client = HttpClient(seconds=10)
    try:
        return (await client.exchange("GET", url)).body
    finally:
        await client.close()


def test_who_uses_them_at_the_same_time_shares_them() -> None:
    in_use = usual_cas()
    assert usual_cas() is in_use


async def test_a_file_named_in_the_environment_is_read_again_once_nobody_uses_it(
    server: FakeHttpServer, tmp_path: Path, monkeypatch: Environment
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    bundle, _ = certificate(other)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with pytest.raises(NoReplyError, match=r"not trusted \(self-signed.*add that CA to those"):
        await _get(server.url)
    bundle.write_bytes((tmp_path / "ca.pem").read_bytes())
    gc.collect()
    assert await _get(server.url) == b"here"


@pytest.mark.parametrize("content", [None, "no PEM"])
async def test_a_file_in_the_environment_that_cannot_be_used_is_named(
    tmp_path: Path, monkeypatch: Environment, content: str | None
) -> None:
    path = tmp_path / "roots.pem"
    if content:
        path.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    why = "no certificates in PEM form" if content else "No such file"
    with pytest.raises(ConfigError, match=rf"SSL_CERT_FILE .* {path} \(.*{why}.*\); correct it"):
        await _get("https://127.0.0.1:1/")


async def test_a_folder_without_cas_is_named(
    server: FakeHttpServer, tmp_path: Path, monkeypatch: Environment
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder in (empty, tmp_path / "missing"):
        monkeypatch.setenv("SSL_CERT_DIR", str(folder))
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        with pytest.raises(NoReplyError, match=f"SSL_CERT_DIR .* is {folder}, where there are no"):
            await _get(server.url)


async def test_a_machine_without_cas_is_told_which_package_has_them(
    server: FakeHttpServer, tmp_path: Path, monkeypatch: Environment
) -> None:
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(variable, raising=False)
    nowhere = str(tmp_path / "nowhere")
    paths = ssl.get_default_verify_paths()
    replaced = paths._replace(openssl_cafile=nowhere, openssl_capath=nowhere)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: replaced)
    monkeypatch.setattr("httpcore2._ssl.CA_FILE_CANDIDATES", [nowhere])
    gc.collect()
    with pytest.raises(NoReplyError, match="no CAs to trust: install its package ca-certificates"):
        await _get(server.url)
