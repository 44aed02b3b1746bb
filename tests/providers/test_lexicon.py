"""Modules of dns-lexicon: one on PowerDNS, one on a zone file, and what goes wrong with them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import ClassVar

import dns.name
import dns.rdatatype
import dns.zone
import pytest

from tests.providers.adapter_harness import PowerDnsHarness, PowerDnsServer, run_children_by
from tests.providers.contract_suite import (
    ChangesNothingTwice,
    FailsWell,
    KeepsItsDeadline,
    KeepsOtherTypes,
    KeepsOtherValues,
    SharesNothing,
    StaysInItsZone,
    TakesBatches,
    TakesManyAtOnce,
)
from tests.providers.dns_servers import MAIN
from tests.providers.harness import Failure, Harness, challenge_value, check_message, closing, txt
from tests.support.fake_http import Reply, Request, fake_http_server
from tests.support.imported_python import imported_python
from tests.support.peers.powerdns import API_KEY
from zoneproof.core.errors import (
    InvalidInputError,
    ProviderCredentialsError,
    ProviderError,
    ProviderPermissionError,
    ProviderQuotaError,
    ProviderUnavailableError,
    ProviderZoneError,
)
from zoneproof.core.names import DomainName
from zoneproof.providers import (
    Provider,
    ProviderContext,
    TxtRecord,
    Zone,
    describe,
    installed,
    open_provider,
)

ZONE = Zone(DomainName.parse(MAIN))
RECORD = txt("_acme-challenge", challenge_value())


def open_module(name: str, **fields: str) -> Provider:
    return open_provider(f"lexicon:{name}", ProviderContext(fields))


def open_powerdns(url: str, token: str = API_KEY, **fields: str) -> Provider:
    return open_module("powerdns", pdns_server=url, auth_token=token, **fields)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PowerDnsServer]:
    with PowerDnsServer(tmp_path_factory.mktemp("powerdns")) as running:
        yield running


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    modules = [f"lexicon._private.providers.{name}" for name in ("powerdns", "localzone")]
    folder = tmp_path_factory.mktemp("python")
    with imported_python(folder, "lexicon.config", *modules) as command:
        yield command


@pytest.fixture
def imported(python: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Children fork a Python that has imported what they need, instead of starting one."""
    run_children_by(python, monkeypatch)


class PowerDnsModule(PowerDnsHarness):
    """lexicon's powerdns, which replaces whole sets, on PowerDNS."""

    kinds: ClassVar = frozenset(
        {ProviderCredentialsError, ProviderZoneError, ProviderUnavailableError}
    )  # of PowerDNS itself

    def make(self) -> Provider:
        return open_powerdns(self.server.url)

    def failures(self) -> Iterable[Failure]:
        says = ("lexicon:powerdns", MAIN)
        wrong = self.remember(open_powerdns(self.server.url, "wrong-api-key"))
        add = partial(wrong.add, self.zone, [RECORD])
        yield Failure(ProviderCredentialsError, add, (*says, "add", "401", "Unauthorized"))
        remove = partial(wrong.remove, self.zone, [RECORD])
        yield Failure(ProviderCredentialsError, remove, (*says, "remove", "401"))
        unknown = partial(self.open().add, Zone(DomainName("example.net")), [RECORD])
        yield Failure(ProviderZoneError, unknown, ("lexicon:powerdns", "example.net", "404"))
        down = self.remember(open_powerdns("http://127.0.0.1:1"))
        unreachable = partial(down.add, self.zone, [RECORD])
        yield Failure(ProviderUnavailableError, unreachable, (*says, "Connection refused"))

    async def against_silence(self) -> None:
        async with fake_http_server(lambda request: Reply()) as fake:
            with fake.failing(None):
                provider = self.remember(open_powerdns(fake.url, timeout="1"))
                await provider.add(self.zone, [RECORD])


class TestPowerDns(
    KeepsOtherValues,
    KeepsOtherTypes,
    ChangesNothingTwice,
    TakesBatches,
    TakesManyAtOnce,
    StaysInItsZone,
    KeepsItsDeadline,
    FailsWell,
    SharesNothing,
):
    """All clauses but those that need a value which is no challenge's."""

    @pytest.fixture
    async def harness(
        self, server: PowerDnsServer, imported: None
    ) -> AsyncIterator[PowerDnsModule]:
        async with closing(PowerDnsModule(server)) as made:
            yield made


class ZoneFileModule(Harness):
    """lexicon's localzone, which rewrites a whole zone file."""

    zone = ZONE

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.file = folder / "zone"
        self.file.write_text(
            f"$ORIGIN {MAIN}.\n$TTL 60\n@ SOA ns1 hostmaster 1 3600 600 86400 60\n@ NS ns1\n"
            "ns1 A 127.0.0.1\n"
        )

    def make(self) -> Provider:
        return open_module("localzone", filename=str(self.file))

    async def values(self, zone: Zone, name: str) -> list[str]:
        origin = dns.name.from_text(zone.name.fqdn)
        content = dns.zone.from_file(str(self.file), origin, check_origin=False)
        found = content.get_rdataset(name or "@", dns.rdatatype.TXT)
        return [b"".join(record.strings).decode() for record in found or ()]


class TestZoneFile(KeepsOtherValues, ChangesNothingTwice, TakesBatches):
    """What another module does otherwise."""

    @pytest.fixture
    async def harness(self, tmp_path: Path, imported: None) -> AsyncIterator[ZoneFileModule]:
        async with closing(ZoneFileModule(tmp_path)) as made:
            yield made


async def test_the_ttl_is_set(server: PowerDnsServer) -> None:
    provider = open_powerdns(server.url)
    await provider.add(ZONE, [TxtRecord("ttl", RECORD.value, 77)])
    assert await server.ttl(f"ttl.{MAIN}.") == 77
    await provider.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (403, ProviderPermissionError),
        (429, ProviderQuotaError),
        (503, ProviderUnavailableError),
        (400, ProviderError),
    ],
)
async def test_what_the_service_answered_tells_the_kind(
    status: int, kind: type[ProviderError], imported: None
) -> None:
    async with fake_http_server(lambda request: Reply(status, {"error": "no\nway"})) as fake:
        provider = open_powerdns(fake.url)
        with pytest.raises(ProviderError, match=r'"no\\nway"') as caught:
            await provider.add(ZONE, [RECORD])
        assert type(caught.value) is kind
        assert caught.value.changed_nothing, "it only looked up the zone"
        await provider.close()


class Overwritten:
    """PowerDNS's API, as far as the module uses it, where another program is at work, too.

    Our first write is lost, because the other one writes what it read before.
    """

    def __init__(self) -> None:
        self.writes = 0
        self.contents: list[str] = []

    def __call__(self, request: Request) -> Reply:
        if request.method == "PATCH":
            self.writes += 1
            if self.writes > 1:
                self.contents = [one["content"] for one in request.json["rrsets"][0]["records"]]
            return Reply(204)
        records = [{"content": content, "disabled": False} for content in self.contents]
        rrset = {"name": f"_acme-challenge.{MAIN}.", "type": "TXT", "ttl": 60, "records": records}
        return Reply(200, {"kind": "Native", "rrsets": [rrset] if records else []})


async def test_a_value_that_another_program_overwrote_is_written_again(imported: None) -> None:
    api = Overwritten()
    async with fake_http_server(api) as fake:
        provider = open_powerdns(fake.url)
        await provider.add(ZONE, [RECORD])
        assert api.contents == [f'"{RECORD.value}"']
        assert api.writes == 2
        await provider.add(ZONE, [RECORD])
        assert api.writes == 2, "what is there is not written again"
        await provider.close()


async def test_a_module_that_says_it_wrote_and_did_not_is_an_error(imported: None) -> None:
    def nothing(request: Request) -> Reply:
        return Reply(200, {"kind": "Native", "rrsets": []})

    async with fake_http_server(nothing) as fake:
        provider = open_powerdns(fake.url)
        with pytest.raises(ProviderError, match="it reported success, but") as caught:
            await provider.add(ZONE, [RECORD])
        assert not caught.value.changed_nothing
        await provider.close()


def test_a_module_is_described_by_its_options() -> None:
    info = describe("lexicon:powerdns")
    assert info.title == "powerdns (dns-lexicon)"
    fields = {field.name: field for field in info.fields}
    names = ["auth_token", "pdns_server", "pdns_server_id", "pdns_disable_notify", "timeout"]
    assert list(fields) == names
    assert fields["auth_token"].secret
    assert not fields["pdns_server"].secret
    assert info.field("auth_password") is None


def test_modules_are_listed_and_described_without_being_imported() -> None:
    names = [slug.removeprefix("lexicon:") for slug in installed() if slug.startswith("lexicon:")]
    assert len(names) > 80
    assert not {"auto", "base", "__init__"} & set(names)
    for name in ("hetzner", "linode4"):  # which have several classes, and another's options
        fields = {field.name: field for field in describe(f"lexicon:{name}").fields}
        assert list(fields) == ["auth_token", "timeout"]
        assert fields["auth_token"].help
    code = "from zoneproof.providers import *; describe('lexicon:gandi'); installed()"
    check = "import sys; assert 'lexicon' not in sys.modules"
    subprocess.run([sys.executable, "-c", f"{code}; {check}"], check=True, timeout=60)


@pytest.mark.parametrize(
    ("slug", "fields", "says"),
    [
        ("lexicon:powerdnss", {}, "has no such module"),
        ("lexicon:auto", {}, "has no such module"),
        ("lexicon:../x", {}, "is not the name of"),
        ("lexicon:", {}, "is not the name of"),
        ("lexicon:powerdns", {"auth_password": "secret-text"}, "auth_password"),
        ("lexicon:powerdns", {"timeout": "never"}, "timeout"),
    ],
)
def test_what_cannot_be_used(slug: str, fields: dict[str, str], says: str) -> None:
    with pytest.raises(InvalidInputError, match=says) as caught:
        open_provider(slug, ProviderContext(fields))
    check_message(caught.value, ["secret-text"])
