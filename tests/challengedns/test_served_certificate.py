"""What a running service says of the certificate that its API shows."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.challenge_service import Service, challenge_command, write_config
from tests.support.self_signed import self_signed, write_certificate
from zoneproof.challengedns.api.certificate import validity_remark
from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.runtime.metrics import Metrics
from zoneproof.challengedns.runtime.pool import WorkerPool
from zoneproof.challengedns.runtime.served_certificate import ServedCertificate
from zoneproof.testing.ports import free_port

API = "api.auth.example.org"
EXPIRED, SOON, LONG = (-90, -1), (-87, 3), (-10, 80)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a configuration with TLS by files, at ports that are known before it runs."""
    path = write_config(tmp_path, api='tls = "file"\ncertificate = "cert.pem"\nkey = "key.pem"')
    text = path.read_text()
    for _ in range(2):
        text = text.replace("127.0.0.1:0", f"127.0.0.1:{free_port()}", 1)
    path.write_text(text)
    return path


def warnings(service: Service) -> list[str]:
    return [line for line in service.lines if "the API's certificate" in line]


@pytest.mark.parametrize(("days", "said"), [(EXPIRED, "expired at"), (SOON, "expires at")])
def test_one_that_clients_refuse_is_in_the_log_and_in_health_and_dns_answers(
    config: Path, days: tuple[float, float], said: str
) -> None:
    write_certificate(config.parent, API, days=days)
    with Service(config) as service:
        (line,) = warnings(service)
        assert "WARNING" in line
        assert f"cert.pem {said}" in line
        assert service.ask("www.auth.example.org").answer
        health = challenge_command(config, "health")
        assert health.status == 0
        assert health.stdout.startswith("the service is healthy; the certificate of the API at ")
        assert said in health.stdout
        (remark,) = json.loads(challenge_command(config, "health", "--json").stdout)["remarks"]
        assert said in remark

        service.process.send_signal(signal.SIGHUP)
        service.wait_for_line("configuration reloaded")
        assert len(warnings(service)) == 2

        service.lines.clear()
        write_certificate(config.parent, API, days=LONG)
        service.process.send_signal(signal.SIGHUP)
        service.wait_for_line("configuration reloaded")
        assert not warnings(service)
        assert challenge_command(config, "health").stdout == "the service is healthy\n"


async def test_it_is_repeated_every_day(config: Path, caplog: pytest.LogCaptureFixture) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > 3:
            raise asyncio.CancelledError

    write_certificate(config.parent, API, days=SOON)
    shown = ServedCertificate(load_config(config).api, None, Metrics(WorkerPool()))
    shown.tell_expiry()
    with caplog.at_level(logging.WARNING), pytest.raises(asyncio.CancelledError):
        await shown.remind(sleep)
    assert slept == [86400] * 4
    assert [each.message.count("expires at") for each in caplog.records] == [1] * 3

    without = ServedCertificate(
        replace(shown.api, certificate=None, key=None), None, Metrics(WorkerPool())
    )
    without.tell_expiry()
    caplog.clear()
    without.warn()
    assert not caplog.records


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ((-83.1, 6.9), "expires at"),
        ((-82.9, 7.1), ""),
        ((-3, 3), ""),  # not old, though it has less than a week
        ((-5, 1), "expires at"),
        ((-90, -0.1), "expired at"),
        ((0.1, 90), "is not valid before"),
    ],
)
def test_a_week_before_is_soon_and_less_for_what_lives_for_days(
    days: tuple[float, float], said: str
) -> None:
    leaf, _ = self_signed(API, days=days)
    now = leaf.not_valid_before_utc - timedelta(days=days[0])
    remark = validity_remark(leaf, now)
    assert remark.startswith(said)
    assert bool(remark) == bool(said)
