"""Two scripts of a real acme.sh on real servers: the contract."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest

from tests.providers.acme_sh_script import RECORD, open_pdns, open_script
from tests.providers.adapter_harness import PowerDnsHarness, PowerDnsServer, nsupdate_folder
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
from tests.providers.dns_servers import MAIN, MAIN_KEY, KnotServer
from tests.providers.harness import Failure, closing
from tests.providers.rfc2136_harness import Rfc2136Harness
from tests.support.fake_http import Reply, fake_http_server
from zoneproof.core.errors import ProviderCredentialsError, ProviderZoneError
from zoneproof.core.names import DomainName
from zoneproof.providers import Provider, Zone


@pytest.fixture(scope="module")
def powerdns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PowerDnsServer]:
    with PowerDnsServer(tmp_path_factory.mktemp("powerdns")) as server:
        yield server


@pytest.fixture(scope="module")
def knot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnotServer]:
    with KnotServer(tmp_path_factory.mktemp("knot")) as server:
        yield server


class PdnsScript(PowerDnsHarness):
    """dns_pdns.sh on PowerDNS."""

    kinds: ClassVar = frozenset({ProviderCredentialsError, ProviderZoneError})  # of PowerDNS itself

    def make(self) -> Provider:
        return open_pdns(self.server.url)

    def failures(self) -> Iterable[Failure]:
        says = ("acmesh:dns_pdns", "invalid domain")
        wrong = self.remember(open_pdns(self.server.url, "wrong-api-key"))
        add = partial(wrong.add, self.zone, [RECORD])
        yield Failure(ProviderCredentialsError, add, (*says, "add", MAIN))
        remove = partial(wrong.remove, self.zone, [RECORD])
        yield Failure(ProviderCredentialsError, remove, (*says, "remove", MAIN))
        elsewhere = Zone(DomainName("example.net"))
        unknown = partial(self.open().add, elsewhere, [RECORD])
        yield Failure(ProviderZoneError, unknown, (*says, "example.net"))

    async def against_silence(self) -> None:
        async with fake_http_server(lambda request: Reply()) as fake:
            with fake.failing(None):
                await self.remember(open_pdns(fake.url, timeout="0.5")).add(self.zone, [RECORD])


def curl_folder(folder: Path) -> Path:
    """Make a folder with a ``curl`` and a ``wget`` whose help is short, for PATH.

    acme.sh reads both before each request, to see whether there is an option: a quarter of the time
    of a run.
    """
    for program, option in (("curl", "--globoff"), ("wget", "--content-on-error")):
        script = folder / program
        script.write_text(f"""#!/bin/sh
[ "$1" = --help ] && echo {option} && exit
exec {shutil.which(program)} "$@"
""")
        script.chmod(0o755)
    return folder


class TestPdns(
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
        self, powerdns: PowerDnsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncIterator[PdnsScript]:
        monkeypatch.setenv("PATH", str(curl_folder(tmp_path)), prepend=os.pathsep)
        async with closing(PdnsScript(powerdns)) as made:
            yield made


class NsupdateScript(Rfc2136Harness):
    """dns_nsupdate.sh on Knot."""

    def make(self, **changed: str) -> Provider:
        assert isinstance(self.server, KnotServer)
        path = Path(self.server.folder, f"{self.key.name}.key")
        path.write_text(
            f'key "{self.key.name}" {{ algorithm {self.key.algorithm};'
            f' secret "{self.key.secret}"; }};\n'
        )
        fields = {
            "NSUPDATE_SERVER": self.server.address,
            "NSUPDATE_SERVER_PORT": str(self.server.port),
            "NSUPDATE_KEY": str(path),
        }
        return open_script(
            "dns_nsupdate", fields | changed, lambda name: self.server.values(name.fqdn)
        )


class TestNsupdate(KeepsOtherValues, KeepsOtherTypes, ChangesNothingTwice, TakesBatches):
    """What another script does otherwise: it deletes all values at the name.

    All its failures look the same.
    """

    @pytest.fixture
    async def harness(
        self, knot: KnotServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncIterator[NsupdateScript]:
        monkeypatch.setenv("PATH", str(nsupdate_folder(tmp_path / "bin")), prepend=os.pathsep)
        async with closing(NsupdateScript(knot, MAIN_KEY)) as made:
            yield made
