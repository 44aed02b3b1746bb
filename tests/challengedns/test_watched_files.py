"""A service that reloads by itself when its files change, as a mounted ConfigMap or Secret does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import dns.rcode
import pytest

from tests.support.challenge_service import Service, write_config
from tests.support.self_signed import write_certificate
from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.runtime.reload import WatchedFiles


def test_changed_records_are_taken_up_without_a_signal(tmp_path: Path) -> None:
    with Service(write_config(tmp_path), "--reload-on-change") as service:
        assert service.ask("_acme-challenge.new.example.com", "A").rcode() == dns.rcode.NXDOMAIN
        write_config(tmp_path, records="_acme-challenge.new.example.com. A 192.0.2.9")
        service.wait_for_line("configuration reloaded")
        assert service.ask("_acme-challenge.new.example.com", "A").answer


def looks(*changes: Callable[[], object]) -> Callable[[float], Awaitable[None]]:
    """Return a sleep in which one after the other happens; then it is cancelled."""
    left = iter(changes)

    async def sleep(_: float) -> None:
        change = next(left, None)
        if change is None:
            raise asyncio.CancelledError
        change()

    return sleep


async def test_files_of_the_certificate_are_watched_too(tmp_path: Path) -> None:
    write_certificate(tmp_path, "api.auth.example.org")
    tls = 'tls = "file"\ncertificate = "cert.pem"\nkey = "key.pem"'
    files = WatchedFiles(load_config(write_config(tmp_path, api=tls)))
    seen: list[str] = []
    sleep = looks(
        lambda: seen.append("unchanged"),
        lambda: (tmp_path / "key.pem").unlink(),
        lambda: seen.append("a file that stays away"),
        lambda: write_certificate(tmp_path, "api.auth.example.org"),
    )
    with pytest.raises(asyncio.CancelledError):
        await files.watch(lambda: seen.append("changed"), sleep)
    assert seen == ["unchanged", "changed", "a file that stays away", "changed"]
