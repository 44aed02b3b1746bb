"""The API's own certificate, from Pebble, through the service's own zone."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from tests.challengedns.processes import fails_to_start
from tests.challengedns.world import Service, write_config
from zoneproof.cli.demo.background import free_port
from zoneproof.cli.demo.pebble import Pebble

API = "api.auth.example.org"


@pytest.fixture
def dns_port() -> int:
    return free_port()


@pytest.fixture
def pebble(tmp_path: Path, dns_port: int) -> Iterator[Pebble]:
    profiles = {"default": {"description": "short", "validityPeriod": 12}}
    with Pebble(
        tmp_path / "pebble", dns_server=f"127.0.0.1:{dns_port}", config={"profiles": profiles}
    ) as running:
        yield running


def auto_config(folder: Path, dns_port: int, directory: str, ca_bundle: Path) -> Path:
    api = (
        f'tls = "auto"\ndomain = "{API}"\nacme_directory = "{directory}"\n'
        f'acme_ca_bundle = "{ca_bundle}"\nacme_agree_tos = true\n'
        f'acme_resolvers = ["127.0.0.1:{dns_port}"]\n'
    )
    path = write_config(folder, api=api)
    text = path.read_text().replace("127.0.0.1:0", f"127.0.0.1:{dns_port}", 1)
    text = text.replace('issue "ca.example"', 'issue "pebble.letsencrypt.org"')
    metrics = '[metrics]\nlisten = "127.0.0.1:0"\n[api]'
    path.write_text(text.replace("192.0.2.53", "127.0.0.1").replace("[api]", metrics, 1))
    return path


def shown(service: Service) -> x509.Certificate:
    """Return the certificate that the API shows."""
    pem = ssl.get_server_certificate(("127.0.0.1", api_port(service)), timeout=10)
    return x509.load_pem_x509_certificate(pem.encode())


def api_port(service: Service) -> int:
    return int(service.url.rpartition(":")[2])


def root_of(pebble: Pebble) -> str:
    trust = ssl.create_default_context(cafile=str(pebble.ca_bundle))
    with urllib.request.urlopen(
        f"{pebble.management_url}/roots/0", context=trust, timeout=10
    ) as reply:
        text: str = reply.read().decode()
    return text


def verifies(service: Service, root: str) -> None:
    """Raise ssl.SSLError unless the API is who it says."""
    context = ssl.create_default_context(cadata=root)
    with (
        socket.create_connection(("127.0.0.1", api_port(service)), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=API) as secure,
    ):
        secure.sendall(b"GET /health HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n")
        assert secure.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_the_api_gets_its_certificate_through_its_own_zone_and_renews_it_while_it_serves(
    tmp_path: Path, pebble: Pebble, dns_port: int
) -> None:
    path = auto_config(tmp_path, dns_port, pebble.directory_url, pebble.ca_bundle)
    with Service(path) as service:
        ready = service.wait_for_line("service ready")
        process = service.process.pid
        service.wait_for_line("the API has a new certificate")
        first = shown(service)
        root = root_of(pebble)
        verifies(service, root)
        service.lines.clear()
        service.wait_for_line("the API has a new certificate")
        second = shown(service)
        verifies(service, root)
        assert second.serial_number != first.serial_number
        assert service.process.pid == process
        assert service.process.poll() is None
        metrics = re.search(r"metrics on (http://[^,]+)", ready)
        assert metrics
        with urllib.request.urlopen(f"{metrics[1]}/metrics", timeout=10) as reply:
            page = reply.read().decode()
        assert 'zoneproof_certificate_renewals_total{result="failure"} 0' in page
        expiry = re.search(r"\nzoneproof_certificate_expiry_timestamp_seconds (\S+)", page)
        assert expiry
        assert float(expiry[1]) >= second.not_valid_after_utc.timestamp()
        answer = service.ask(f"_acme-challenge.{API}", "CNAME").answer
        assert str(answer[0][0].target).endswith(".auth.example.org.")
        subdomain = str(answer[0][0].target).partition(".")[0]
        administer = [
            *service.command[:4],
            "registration",
            "delete",
            "--yes",
            "--config",
            str(path),
        ]
        subprocess.run([*administer, subdomain], check=True)
    line = fails_to_start(path)
    assert "api-certificate belongs to another database" in line
    assert not (tmp_path / "api-certificate/live" / API / "privkey.pem").stat().st_mode & 0o077


def test_without_the_ca_the_service_serves_with_a_certificate_that_nobody_trusts(
    tmp_path: Path, dns_port: int
) -> None:
    with Pebble(tmp_path / "gone") as gone:
        directory, ca_bundle = gone.directory_url, gone.ca_bundle
    with Service(auto_config(tmp_path, dns_port, directory, ca_bundle)) as service:
        service.wait_for_line("no certificate for the API: .*; trying again in 60 s")
        assert "not issued yet" in shown(service).subject.rfc4514_string()
        with pytest.raises(ssl.SSLError):
            verifies(service, (tmp_path / "gone/pebble-tls-ca.pem").read_text())
        assert service.ask(f"www.{API.partition('.')[2]}").answer


def test_a_challenge_name_in_the_records_is_refused(
    tmp_path: Path, pebble: Pebble, dns_port: int
) -> None:
    path = auto_config(tmp_path, dns_port, pebble.directory_url, pebble.ca_bundle)
    path.write_text(path.read_text().replace("ns1     A", "_acme-challenge.api TXT x\nns1     A"))
    assert f"remove _acme-challenge.{API} from the 'records'" in fails_to_start(path)
