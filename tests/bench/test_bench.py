"""Benchmarks and endurance runs work with small numbers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import batch, dns, lag, nodes, registrations, renew, secondaries, storm, updates, web
from bench._service import BenchService
from bench.soak import connections, day, kills, packets
from bench.soak import nodes as soak_nodes


@pytest.fixture(autouse=True)
def _quick_services(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start services as other tests do: how long it takes to start one is not measured here."""
    monkeypatch.setattr(BenchService, "is_fork", True)


def test_dns_prints_a_ratio_to_knot(capsys: pytest.CaptureFixture[str]) -> None:
    dns.run(names=20, rounds=1, seconds=0.2)
    assert "zoneproof / knot" in capsys.readouterr().out


def test_batch_prints_requests_and_a_ratio_to_lego(capsys: pytest.CaptureFixture[str]) -> None:
    batch.run(names=5, rounds=1)
    said = capsys.readouterr().out
    assert re.search(r"zoneproof: requests to publish +3 .*met", said)
    assert re.search(r"lego: requests to publish +10, to remove 10", said)
    assert "zoneproof / lego" in said


def test_registrations_prints_a_ratio_of_many_to_few(capsys: pytest.CaptureFixture[str]) -> None:
    registrations.run(few=20, many=600, rounds=1, seconds=0.2)
    said = capsys.readouterr().out
    assert "warm, 600 / 20" in said
    assert "600: memory, warm" in said


def test_storm_prints_a_ratio_to_idle(capsys: pytest.CaptureFixture[str]) -> None:
    storm.run(names=20, rate=100, rounds=1, seconds=0.2)
    said = capsys.readouterr().out
    assert "p99, storm of /register / idle" in said
    assert "p99, storm of /update / idle" in said


def test_updates_prints_a_rate(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACME_DNS", raising=False)
    updates.run(connections=4, rounds=1, seconds=0.2)
    assert "/s" in capsys.readouterr().out


def test_nodes_prints_ratios_to_one_machine(capsys: pytest.CaptureFixture[str]) -> None:
    nodes.run(names=20, connections=4, rounds=1, seconds=0.2, counts=(1, 2))
    said = capsys.readouterr().out
    assert "2 nodes / sqlite" in said
    assert "DNS, a node / sqlite" in said


def test_secondaries_prints_a_ratio_to_bind(capsys: pytest.CaptureFixture[str]) -> None:
    secondaries.run(kinds=("nsd",), changes=2, rounds=1)
    said = capsys.readouterr().out
    assert re.search(r"secondary nsd, primary zoneproof +\d+\.\d+ ms", said)
    assert "secondary nsd: zoneproof / bind" in said


def test_lag_prints_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    lag.run(lags=(0.1,), peers={"itself": lag.zoneproof}, spread=(1.0,))
    said = capsys.readouterr().out
    assert re.search(r"0\.1 s late: zoneproof +-?\d\.\d\d s .*met", said)
    assert re.search(r"0\.1 s late: itself +-?\d\.\d\d s", said)


def test_renew_prints_rates_and_a_ratio_to_certbot(capsys: pytest.CaptureFixture[str]) -> None:
    renew.measure(many=12, few=1, rounds=1)
    said = capsys.readouterr().out
    assert "certificates/s" in said
    assert "those of the other five" in said
    assert re.search(r"the CA is down: 6 .*\n.*failures on record +1\n", said)
    assert "zoneproof / certbot" in said


def test_packets_go_both_ways(capsys: pytest.CaptureFixture[str]) -> None:
    packets.run(count=500, seed=1)
    assert "packets by TCP" in capsys.readouterr().out


def test_kills_lose_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    kills.run(count=1, seed=1)
    assert "none lost" in capsys.readouterr().out


def test_nodes_contradict_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    soak_nodes.run(count=1, seed=1)
    assert "none wrong, no acknowledged value lost" in capsys.readouterr().out


def test_a_day_passes(capsys: pytest.CaptureFixture[str]) -> None:
    day.run(count=600, seed=1, expiry_seconds=1)
    assert "times faster than real time" in capsys.readouterr().out


def test_honest_clients_are_served_beside_crowds(capsys: pytest.CaptureFixture[str]) -> None:
    connections.run(count=300, seed=1, crowd=50, seconds=0.2)
    said = capsys.readouterr().out
    assert said.count("honest questions answered") == 8
    assert said.count("MB after all") == 3


def test_web_prints_weights_and_a_ratio_to_list(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    web.measure(tmp_path, certificates=3, runs=1)
    said = capsys.readouterr().out
    assert "first page of 3" in said
    assert "zoneproof list" in said
