"""Plugins of a real certbot: one on Knot, one on an HTTP service, and what goes wrong with them."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs

import pytest

from tests.providers.adapter_harness import run_children_by
from tests.providers.contract_suite import (
    ChangesNothingTwice,
    FailsWell,
    KeepsItsDeadline,
    KeepsOtherTypes,
    KeepsOtherValues,
    SharesNothing,
    StaysInItsZone,
    TakesBatches,
)
from tests.providers.dns_servers import MAIN, MAIN_KEY, OTHER_KEY, KnotServer, TsigKey
from tests.providers.harness import Failure, Harness, challenge_value, check_message, closing, txt
from tests.providers.rfc2136_harness import Rfc2136Harness
from tests.support.fake_http import FakeHttpServer, Reply, Request, fake_http_server
from tests.support.imported_python import imported_python
from zoneproof.core.errors import InvalidInputError, ProviderError, ProviderUnavailableError
from zoneproof.core.names import DomainName
from zoneproof.providers import Provider, ProviderContext, Zone, describe, installed, open_provider

ZONE = Zone(DomainName.parse(MAIN))
RECORD = txt("_acme-challenge", challenge_value())
PASSWORD = "r3quest-password"


def open_plugin(name: str, fields: dict[str, str]) -> Provider:
    return open_provider(f"certbot:{name}", ProviderContext(fields))


@pytest.fixture(scope="module")
def knot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnotServer]:
    with KnotServer(tmp_path_factory.mktemp("knot")) as running:
        yield running


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    modules = ("certbot._internal.display.obj", "certbot_dns_rfc2136._internal.dns_rfc2136")
    folder = tmp_path_factory.mktemp("python")
    with imported_python(folder, *modules, "certbot_httpreq") as command:
        yield command


@pytest.fixture
def imported(python: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Children fork a Python that has imported what they need, instead of starting one."""
    run_children_by(python, monkeypatch)


def keys(server: KnotServer, key: TsigKey) -> dict[str, str]:
    """Return what stands in the plugin's file."""
    return {
        "dns_rfc2136_server": server.address,
        "dns_rfc2136_port": str(server.port),
        "dns_rfc2136_name": key.name,
        "dns_rfc2136_secret": key.secret,
        "dns_rfc2136_algorithm": key.algorithm.upper(),
    }


class Rfc2136Plugin(Rfc2136Harness):
    """certbot-dns-rfc2136 on Knot."""

    kinds: ClassVar = frozenset({ProviderError})  # it tells what happened in words only

    def make(self, **changed: str) -> Provider:
        assert isinstance(self.server, KnotServer)
        return open_plugin("dns-rfc2136", keys(self.server, self.key) | changed)

    def failures(self) -> Iterable[Failure]:
        wrong = self.remember(self.make(dns_rfc2136_secret="d3Jvbmcta2V5"))
        says = ("certbot:dns-rfc2136", MAIN, "signature")
        yield Failure(ProviderError, partial(wrong.add, self.zone, [RECORD]), says)
        yield Failure(ProviderError, partial(wrong.remove, self.zone, [RECORD]), says)

    async def against_silence(self) -> None:
        async with fake_http_server(lambda request: Reply()) as fake:
            port = fake.url.rpartition(":")[2]
            provider = self.make(dns_rfc2136_port=port, timeout="1")
            with fake.failing(None):
                await self.remember(provider).add(self.zone, [RECORD])

    def second(self) -> Rfc2136Harness:
        return Rfc2136Plugin(self.server, OTHER_KEY)


class TestRfc2136(
    KeepsOtherValues,
    KeepsOtherTypes,
    ChangesNothingTwice,
    TakesBatches,
    StaysInItsZone,
    KeepsItsDeadline,
    FailsWell,
    SharesNothing,
):
    """All clauses but one that the server takes care of, and those that need a value which is no
    challenge's.
    """

    @pytest.fixture
    async def harness(self, knot: KnotServer, imported: None) -> AsyncIterator[Rfc2136Plugin]:
        async with closing(Rfc2136Plugin(knot, MAIN_KEY)) as made:
            yield made


class RequestService:
    """What the plugin dns-httpreq asks, by its source (0.1.4): ``POST /present``, ``/cleanup``."""

    def __init__(self) -> None:
        self.records: dict[str, list[str]] = {}

    def __call__(self, request: Request) -> Reply:
        if request.login != ("requests", PASSWORD):
            return Reply(401, b"who are you")
        form = {key: values[0] for key, values in parse_qs(request.body.decode()).items()}
        values = self.records.setdefault(form["fqdn"], [])
        if form["value"] in values:
            values.remove(form["value"])
        if request.path == "/present":
            values.append(form["value"])
        return Reply(200)


class HttpreqPlugin(Harness):
    """certbot-lego-httpreq on such a service."""

    zone = ZONE
    hidden = (PASSWORD,)

    def __init__(self, fake: FakeHttpServer, service: RequestService) -> None:
        super().__init__()
        self.fake, self.service = fake, service

    def make(self) -> Provider:
        return open_plugin(
            "dns-httpreq",
            {
                "dns_httpreq_endpoint": self.fake.url,
                "dns_httpreq_username": "requests",
                "dns_httpreq_password": PASSWORD,
            },
        )

    async def values(self, zone: Zone, name: str) -> list[str]:
        return self.service.records.get(zone.record(name).fqdn, [])


class TestHttpreq(KeepsOtherValues, ChangesNothingTwice, TakesBatches):
    """What another plugin does otherwise."""

    @pytest.fixture
    async def harness(self, imported: None) -> AsyncIterator[HttpreqPlugin]:
        service = RequestService()
        async with (
            fake_http_server(service) as fake,
            closing(HttpreqPlugin(fake, service)) as made,
        ):
            yield made


async def test_the_file_that_certbot_was_given_is_used_as_it_is(
    knot: KnotServer, tmp_path: Path
) -> None:
    ini = tmp_path / "rfc2136.ini"
    ini.write_text("".join(f"{key} = {value}\n" for key, value in keys(knot, MAIN_KEY).items()))
    provider = open_plugin("dns-rfc2136", {"ini": str(ini)})
    record = txt("_acme-challenge.ini", challenge_value())
    await provider.add(ZONE, [record])
    assert await knot.values(f"_acme-challenge.ini.{MAIN}.") == [record.value]
    await provider.close()


async def test_secrets_of_the_file_are_not_in_errors(tmp_path: Path, imported: None) -> None:
    ini = tmp_path / "rfc2136.ini"
    ini.write_text('dns_rfc2136_server = "s3cret.example"\ndns_rfc2136_name = x\n')
    provider = open_plugin("dns-rfc2136", {"ini": str(ini)})
    with pytest.raises(ProviderError, match='"dns_rfc2136_secret" not found') as caught:
        await provider.add(ZONE, [RECORD])
    assert caught.value.changed_nothing
    ini.write_text(ini.read_text() + "dns_rfc2136_secret = y\n")
    with pytest.raises(ProviderError, match=r"\(\*\*\*\) is not a valid IPv4") as caught:
        await provider.add(ZONE, [RECORD])
    check_message(caught.value, ["s3cret.example"])
    await provider.close()


async def test_a_service_that_is_down_is_told_as_such() -> None:
    fields = {"dns_httpreq_endpoint": "http://127.0.0.1:1"}
    provider = open_plugin("dns-httpreq", fields)
    with pytest.raises(ProviderUnavailableError, match="Connection refused"):
        await provider.add(ZONE, [RECORD])
    await provider.close()


@pytest.mark.parametrize(
    ("name", "fields", "says"),
    [
        ("dns-nothing", {"python": sys.executable}, "has no certbot plugin dns-nothing"),
        ("dns-rfc2136", {"python": "/bin/true"}, "it failed and said nothing"),
        ("dns-rfc2136", {"python": "/bin/nothing"}, "there is no such file"),
        ("dns-multi", {"dns_multi_provider": "manual"}, "key_authorization|token"),
    ],
)
async def test_what_cannot_do_it_says_why(name: str, fields: dict[str, str], says: str) -> None:
    provider = open_plugin(name, fields)
    with pytest.raises(ProviderError, match=says) as caught:
        await provider.add(ZONE, [RECORD])
    check_message(caught.value, [])
    await provider.close()


def test_a_plugin_has_free_fields_which_may_be_secrets() -> None:
    assert installed()["certbot:dns-rfc2136"] == "dns-rfc2136 (certbot plugin)"
    field = describe("certbot:dns-rfc2136").field("dns_rfc2136_secret")
    assert field
    assert field.secret


@pytest.mark.parametrize(
    ("name", "fields", "says"),
    [
        ("dns/rfc2136", {}, "is not the name of"),
        ("", {}, "is not the name of"),
        ("dns-rfc2136", {"ini": "rfc2136.ini"}, "ini must be an absolute path"),
        ("dns-rfc2136", {"python": "python3"}, "python must be an absolute path"),
        ("dns-rfc2136", {"dns-rfc2136-server": "x"}, "has no field 'dns-rfc2136-server'"),
    ],
)
def test_fields_that_cannot_be_used(name: str, fields: dict[str, str], says: str) -> None:
    with pytest.raises(InvalidInputError, match=says) as caught:
        open_plugin(name, fields)
    check_message(caught.value, [])


async def test_a_file_that_is_gone_is_told_when_it_is_added_and_when_it_is_used() -> None:
    field = describe("certbot:dns-rfc2136").field("ini")
    assert field
    assert field.file
    with pytest.raises(InvalidInputError, match=r"ini: cannot read /nothing\.ini: No such file"):
        field.file("/nothing.ini")
    provider = open_plugin("dns-rfc2136", {"ini": "/nothing.ini"})
    with pytest.raises(ProviderError, match=r"ini: cannot read /nothing\.ini") as caught:
        await provider.add(ZONE, [RECORD])
    assert caught.value.changed_nothing
    await provider.close()


def test_without_certbot_a_plugin_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InvalidInputError, match="neither the plugin nor the command certbot"):
        open_plugin("dns-nothing", {})


def test_the_python_of_the_command_certbot_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command = tmp_path / "certbot"
    command.write_text("#!/opt/certbot/bin/python3 -I\nimport certbot\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    provider = open_plugin("dns-nothing", {})
    assert getattr(provider, "python") == "/opt/certbot/bin/python3"  # noqa: B009  not the protocol's
