"""The API's own certificate, from Pebble, through the service's own zone."""

from __future__ import annotations

import os
import re
import shutil
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509

import tests.support.peers  # noqa: F401  says where Pebble is
from tests.challengedns.processes import fails_to_start
from tests.challengedns.shown_certificate import API, api_port, root_of, shown, verifies
from tests.support.challenge_service import Service, challenge_command, write_config
from tests.support.full_home import issued
from zoneproof.challengedns.config import load_config
from zoneproof.core.errors import AcmeError
from zoneproof.manager.api_certificate import ApiCertificate
from zoneproof.testing.pebble import Pebble
from zoneproof.testing.ports import free_port


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


def metrics_page(service: Service) -> str:
    found = re.search(r"metrics on (http://[^,]+)", service.ready_line)
    assert found
    with urllib.request.urlopen(f"{found[1]}/metrics", timeout=10) as reply:
        text: str = reply.read().decode()
    return text


def expiry_metric(service: Service) -> float:
    """Return what the metrics say of the certificate's end, in seconds since 1970."""
    found = re.search(
        r"\nzoneproof_certificate_expiry_timestamp_seconds (\S+)", metrics_page(service)
    )
    assert found
    return float(found[1])


def check(path: Path) -> str:
    """Return what ``--check`` says of the certificate; none of it may keep the unit from it."""
    done = challenge_command(path, "serve", "--check", "--no-dns")
    assert done.status == 0, done.stdout
    return "\n".join(line for line in done.stdout.splitlines() if "certificate:" in line)


def test_the_api_gets_its_certificate_through_its_own_zone_and_renews_it_while_it_serves(
    tmp_path: Path, pebble: Pebble, dns_port: int
) -> None:
    path = auto_config(tmp_path, dns_port, pebble.directory_url, pebble.ca_bundle)
    with Service(path) as service:
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
        assert 'zoneproof_certificate_renewals_total{result="failure"} 0' in metrics_page(service)
        assert expiry_metric(service) >= second.not_valid_after_utc.timestamp()
    assert not (tmp_path / "api-certificate/live" / API / "privkey.pem").stat().st_mode & 0o077


def test_a_registration_of_the_service_s_own_that_was_deleted_is_made_again(
    tmp_path: Path, pebble: Pebble, dns_port: int
) -> None:
    path = auto_config(tmp_path, dns_port, pebble.directory_url, pebble.ca_bundle)
    with Service(path) as service:
        for _ in range(2):
            service.wait_for_line("the API has a new certificate")
            answer = service.ask(f"_acme-challenge.{API}", "CNAME").answer
            target = str(answer[0][0].target)
            assert target.endswith(".auth.example.org.")
            subdomain = target.partition(".")[0]
            deleted = challenge_command(path, "registration", "delete", "--yes", subdomain)
            assert deleted.status == 0, deleted.stderr
            service.lines.clear()
        service.wait_for_line("the API has a new certificate")
        assert challenge_command(path, "registration", "show", subdomain).status == 0


def test_without_the_ca_the_service_serves_with_a_certificate_that_nobody_trusts(
    tmp_path: Path, dns_port: int
) -> None:
    with Pebble(tmp_path / "gone") as gone:
        directory, ca_bundle = gone.directory_url, gone.ca_bundle
    with Service(auto_config(tmp_path, dns_port, directory, ca_bundle)) as service:
        service.wait_for_line("no certificate for the API: .*; trying again in 6[0-6] s")
        assert "not issued yet" in shown(service).subject.rfc4514_string()
        assert expiry_metric(service) == 0.0
        with pytest.raises(ssl.SSLError):
            verifies(service, (tmp_path / "gone/pebble-tls-ca.pem").read_text())
        assert service.wait_for_line("no trusted certificate yet: clients get an untrusted one")
        as_it_runs = tmp_path / "running.toml"
        listen = '[api]\nlisten = ["127.0.0.1:{}"]'
        text = service.config.read_text().replace("ns1     A", "api A 127.0.0.1\nns1     A", 1)
        as_it_runs.write_text(text.replace(listen.format(0), listen.format(api_port(service))))
        assert "no trusted certificate yet: clients get an untrusted one" in check(as_it_runs)
        health = challenge_command(as_it_runs, "health")
        assert health.status == 0
        assert "is an untrusted one: see the service's log" in health.stdout
        assert service.ask(f"www.{API.partition('.')[2]}").answer


def test_a_zone_that_leads_elsewhere_is_not_asked_of_a_person_as_a_cname(
    tmp_path: Path, pebble: Pebble, dns_port: int
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    path = auto_config(tmp_path, dns_port, pebble.directory_url, pebble.ca_bundle)
    with Service(write_config(other)) as elsewhere:
        asked = f'acme_resolvers = ["127.0.0.1:{elsewhere.dns_port}"]'
        path.write_text(re.sub("acme_resolvers = .*", asked, path.read_text()))
        with Service(path) as service:
            line = service.wait_for_line("no certificate for the API")
            assert "the DNS does not lead to this service yet" in line
            assert "CNAME" not in line


async def test_a_failure_waits_as_the_manager_s_do_and_a_restart_tries_at_once(
    tmp_path: Path, dns_port: int
) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_bytes(issued("ca.example").chain.pem)
    config = load_config(auto_config(tmp_path, dns_port, "https://127.0.0.1:1/", roots))
    assert config.api.auto
    source = ApiCertificate(config, config.api.auto)
    with pytest.raises(AcmeError):
        await source.renew_if_due()
    assert 60 <= source.look_again_after() <= 66
    assert not await source.renew_if_due()
    assert 0 < source.look_again_after() <= 66
    restarted = ApiCertificate(config, config.api.auto)
    with pytest.raises(AcmeError):
        await restarted.renew_if_due()
    assert 60 <= restarted.look_again_after() <= 66


def test_a_challenge_name_in_the_records_is_refused(
    tmp_path: Path, pebble: Pebble, dns_port: int
) -> None:
    path = auto_config(tmp_path, dns_port, pebble.directory_url, pebble.ca_bundle)
    path.write_text(path.read_text().replace("ns1     A", "_acme-challenge.api TXT x\nns1     A"))
    assert f"remove _acme-challenge.{API} from the 'records'" in fails_to_start(path)


# --- what a crash, a restored backup or a command of root's leaves -------------------------------


class Obtained(NamedTuple):
    """A configuration whose certificate has been obtained, with a copy of what is kept."""

    config: Path
    root: str
    copy: Path

    @property
    def folder(self) -> Path:
        return self.config.parent / "api-certificate"

    @property
    def live(self) -> Path:
        return self.folder / "live" / API

    def restore(self) -> None:
        for path in self.config.parent.glob("api-certificate*"):
            shutil.rmtree(path)
        shutil.copytree(self.copy, self.folder, symlinks=True)


@pytest.fixture(scope="module")
def obtained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Obtained]:
    folder = tmp_path_factory.mktemp("obtained")
    port = free_port()
    with Pebble(folder / "pebble", dns_server=f"127.0.0.1:{port}") as running:
        path = auto_config(folder, port, running.directory_url, running.ca_bundle)
        path.write_text(path.read_text().replace("ns1     A", "api A 127.0.0.1\nns1     A", 1))
        with Service(path) as service:
            service.wait_for_line("the API has a new certificate")
        shutil.copytree(folder / "api-certificate", folder / "copy", symlinks=True)
        yield Obtained(path, root_of(running), folder / "copy")


def another_key(kept: Obtained) -> None:
    (kept.live / "privkey.pem").resolve().write_bytes(
        (kept.folder / "self-signed/key.pem").read_bytes()
    )


def owned_by_another(kept: Obtained) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(kept.folder / "self-signed/key.pem", 4242, 4242)


def damaged_database(kept: Obtained) -> None:
    (kept.folder / "state.sqlite3").write_bytes(b"nonsense" * 1000)
    shutil.rmtree(kept.folder / "live")


def no_vault_key(kept: Obtained) -> None:
    (kept.folder / "vault.key").unlink()


DAMAGES: dict[str, tuple[Callable[[Obtained], object], str]] = {
    "the certificate is empty": (
        lambda kept: (kept.live / "fullchain.pem").resolve().write_text(""),
        "cannot be used together",
    ),
    "the key is missing": (
        lambda kept: shutil.move((kept.live / "privkey.pem").resolve(), kept.folder / "lost"),
        "cannot be used together",
    ),
    "the key is another's": (another_key, "cannot be used together"),
    "live/ is missing": (lambda kept: shutil.rmtree(kept.folder / "live"), "obtains it while"),
    "archive/ is missing": (
        lambda kept: shutil.rmtree(kept.folder / "archive"),
        "cannot be used together",
    ),
    "the database is damaged": (damaged_database, "obtains it while"),
    "the key of the secrets is missing": (no_vault_key, "is valid until"),
    "a file is another user's": (owned_by_another, "belongs to another user"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_cannot_be_used_is_replaced_at_once_and_dns_answers_meanwhile(
    obtained: Obtained, damage: str
) -> None:
    obtained.restore()
    break_it, said = DAMAGES[damage]
    break_it(obtained)
    assert said in check(obtained.config)
    with Service(obtained.config) as service:
        assert service.ask(API, "A").answer
        service.wait_for_line("the API has a new certificate")
        verifies(service, obtained.root)
        assert expiry_metric(service) == shown(service).not_valid_after_utc.timestamp()
    assert "is valid until" in check(obtained.config)


def test_while_another_cannot_be_obtained_the_metrics_alarm(obtained: Obtained) -> None:
    obtained.restore()
    another_key(obtained)
    text = obtained.config.read_text()
    directory = re.sub('acme_directory = ".*"', 'acme_directory = "https://127.0.0.1:1/"', text)
    try:
        obtained.config.write_text(directory)
        with Service(obtained.config) as service:
            service.wait_for_line("no certificate for the API")
            assert "not issued yet" in shown(service).subject.rfc4514_string()
            assert expiry_metric(service) == 0.0
            assert service.ask(API, "A").answer
    finally:
        obtained.config.write_text(text)


def test_links_that_a_crash_left_at_two_versions_are_repaired_before_they_are_used(
    obtained: Obtained,
) -> None:
    obtained.restore()
    first = x509.load_pem_x509_certificate((obtained.live / "cert.pem").read_bytes())
    archive = obtained.folder / "archive" / API
    for path in list(archive.iterdir()):
        shutil.copy2(path, archive / path.name.replace("1.pem", "2.pem"))
    (archive / "privkey2.pem").write_bytes((obtained.folder / "self-signed/key.pem").read_bytes())
    (archive / ".writing").write_text("2")
    (obtained.live / "privkey.pem").unlink()
    (obtained.live / "privkey.pem").symlink_to(f"../../archive/{API}/privkey1.pem")
    with Service(obtained.config) as service:
        verifies(service, obtained.root)
        assert shown(service).serial_number == first.serial_number
    assert not (archive / ".writing").exists()


def test_where_nothing_can_be_written_a_certificate_in_memory_is_shown(obtained: Obtained) -> None:
    config = load_config(obtained.config)
    assert config.api.auto
    auto = replace(config.api.auto, folder=obtained.config / "no/folder")
    source = ApiCertificate(config, auto)
    pair = source.key_pair()
    assert pair.is_usable
    assert pair.expires_at() == 0.0
    assert source.key_pair() == pair
