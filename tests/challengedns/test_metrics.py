"""What Prometheus reads of the service."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.challengedns.processes import kill_workers
from tests.support.challenge_service import (
    ZONE,
    Service,
    register,
    request,
    txt,
    update,
    write_config,
)
from zoneproof.challengedns.dns.counters import (
    ORDINARY,
    TRUNCATED,
    UNANSWERED,
    Tally,
    cell,
    labels,
    shared_cells,
)
from zoneproof.challengedns.runtime.metrics import Histogram

# The text format 0.0.4: a name, labels, and a number.
_SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="[^"\\\n]*",?)*)\})? (\S+)')
METRICS = '[metrics]\nlisten = "127.0.0.1:0"\n'


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    path = write_config(tmp_path)
    path.write_text(path.read_text().replace("[api]", f"{METRICS}[api]", 1))
    with Service(path) as running:
        yield running


def read(service: Service) -> dict[str, float]:
    """Return all samples; check that each belongs to a family that was announced."""
    ready = service.wait_for_line("ready")
    found = re.search(r"metrics on (http://[^,]+)", ready)
    assert found
    reply = request(found[1], "GET", "/metrics")
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    samples: dict[str, float] = {}
    kinds: dict[str, str] = {}
    for line in reply.body.decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name not in kinds
            kinds[name] = kind
        elif not line.startswith("# HELP "):
            match = _SAMPLE.fullmatch(line)
            assert match, line
            family = re.sub(r"_(bucket|sum|count)$", "", match[1])
            assert match[1] in kinds or kinds[family] == "histogram"
            key = f"{match[1]}{{{match[2] or ''}}}"
            assert key not in samples
            samples[key] = float(match[3])
    return samples


def test_questions_are_counted_by_type_code_and_transport_over_all_workers(
    service: Service,
) -> None:
    account = register(service.url)
    update(service.url, account, txt("v"))
    for _ in range(20):
        service.texts(account.fulldomain)
    service.texts(account.fulldomain, tcp=True)
    for rdtype in ("A", "NS", "ANY", "SVCB"):
        service.ask(ZONE, rdtype)
    service.ask(f"nope.{ZONE}", "A")
    service.ask("elsewhere.net", "A")
    samples = read(service)

    def queries(transport: str, rdtype: str, rcode: str) -> float:
        where = f'transport="{transport}",type="{rdtype}",rcode="{rcode}"'
        return samples[f"zoneproof_dns_queries_total{{{where}}}"]

    assert queries("udp", "TXT", "NOERROR") == 20
    assert queries("tcp", "TXT", "NOERROR") == 1
    assert queries("udp", "A", "NOERROR") == 1
    assert queries("udp", "A", "NXDOMAIN") == 1
    assert queries("udp", "A", "REFUSED") == 1
    assert queries("udp", "ANY", "NOERROR") == 1
    assert queries("udp", "other", "NOERROR") == 1


def test_the_metrics_lead_nowhere_else(service: Service) -> None:
    found = re.search(r"metrics on (http://[^,]+)", service.wait_for_line("metrics on"))
    assert found
    reply = request(found[1], "GET", "/metrics/", headers={"Host": "evil.example"})
    assert reply.status == 404
    assert "Location" not in reply.headers


def test_what_is_no_question_is_counted_too(service: Service) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.settimeout(10)
        stranger.connect(("127.0.0.1", service.dns_port))
        stranger.send(b"short")
        stranger.send(b"\0\1\0\0\0\1\0\0\0\0\0\0\xff")
        stranger.recv(512)
    where = 'transport="udp",type="none",rcode="FORMERR"'
    samples = read(service)
    assert samples[f"zoneproof_dns_queries_total{{{where}}}"] == 1
    assert samples['zoneproof_dns_unanswered_total{transport="udp"}'] == 1
    assert samples['zoneproof_dns_truncated_total{transport="udp"}'] == 0


def test_updates_registrations_and_live_values_are_counted(service: Service) -> None:
    account = register(service.url)
    update(service.url, account, txt("a"))
    update(service.url, account, txt("b"))
    update(service.url, account, "nonsense")
    request(service.url, "POST", "/../nope")
    samples = read(service)
    updates = 'endpoint="update",method="POST"'
    assert samples[f'zoneproof_api_requests_total{{{updates},status="200"}}'] == 2
    assert samples[f'zoneproof_api_requests_total{{{updates},status="400"}}'] == 1
    other = 'endpoint="other",method="POST",status="404"'
    assert samples[f"zoneproof_api_requests_total{{{other}}}"] == 1
    assert samples["zoneproof_registrations{}"] == 1
    assert samples["zoneproof_live_values{}"] == 2
    assert samples['zoneproof_storage_seconds_count{transaction="write"}'] >= 3
    assert (
        samples['zoneproof_storage_seconds_bucket{transaction="write",le="+Inf"}']
        == samples['zoneproof_storage_seconds_count{transaction="write"}']
    )


def test_counts_of_workers_that_are_gone_are_kept(service: Service) -> None:
    key = 'zoneproof_dns_queries_total{transport="udp",type="A",rcode="NOERROR"}'
    service.ask(ZONE, "A")
    kill_workers(service)
    service.ask(ZONE, "A")
    service.wait_for_line(r"\(udp\) ended")
    service.wait_for_line(r"\(tcp\) ended")
    assert read(service)["zoneproof_dns_worker_restarts_total{}"] == 3
    service.process.send_signal(signal.SIGHUP)
    service.wait_for_line("configuration reloaded")
    service.ask(ZONE, "A")
    assert read(service)[key] == 3


def test_metrics_are_nowhere_unless_asked_for(tmp_path: Path) -> None:
    with Service(write_config(tmp_path)) as service:
        assert "metrics" not in service.wait_for_line("ready")
        assert request(service.url, "GET", "/metrics").status == 404


def test_cells_are_told_apart() -> None:
    seen = {cell(rdtype, rcode) for rdtype in (None, 1, 16, 9999) for rcode in (0, 3, 16)}
    assert len(seen) == 12
    assert max(seen) < TRUNCATED < UNANSWERED
    assert labels(ORDINARY) == ("TXT", "NOERROR")
    assert labels(cell(None, 1)) == ("none", "FORMERR")
    assert labels(cell(9999, 16)) == ("other", "BADVERS")


def test_what_a_process_counts_another_reads() -> None:
    tally = Tally()
    counters = tally.open("udp")
    child = os.fork()
    if child == 0:
        cells = shared_cells(counters.descriptor)
        for _ in range(1000):
            cells[ORDINARY] += 1
        os._exit(0)
    os.waitpid(child, 0)
    assert tally.totals() == {("udp", ORDINARY): 1000}
    tally.close(counters)
    assert tally.totals() == {("udp", ORDINARY): 1000}


def test_a_histogram_counts_each_in_its_bucket() -> None:
    histogram = Histogram()
    for seconds in (0.0001, 0.0002, 60.0):
        histogram.observe(seconds)
    assert histogram.counts[0] == 1
    assert histogram.counts[1] == 1
    assert histogram.counts[-1] == 1
    assert histogram.sum == pytest.approx(60.0003)
