"""Runs one order in which every way to validate has its name; as a program it can be killed.

``python -m tests.issuance.run_order SETTINGS [EVENT]`` reads the settings from a JSON file and
kills itself with SIGKILL at the first event of that name.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec

from zoneproof.acme import AccountKey, AcmeClient
from zoneproof.challenges.dns01 import DnsMethod
from zoneproof.challenges.http01 import HttpMethod
from zoneproof.challenges.listener import Listeners
from zoneproof.challenges.method import Method
from zoneproof.challenges.webroot import Webroot
from zoneproof.core.names import Identifier
from zoneproof.dnsquery import PropagationPolicy, Resolver, parse_server
from zoneproof.issuance import (
    Choice,
    Emit,
    Event,
    Issued,
    Journal,
    OrderRequest,
    OrderRun,
    PublishedRecord,
    make_plan,
)
from zoneproof.manager import Home
from zoneproof.manager.credentials.registrations import StoredRegistrations
from zoneproof.providers import Provider, ProviderContext, open_provider
from zoneproof.vault import open_vault

BY_RFC2136 = "*.example.com"
BY_ACME_DNS = "delegated.in.example.com"
BY_LISTENER = "example.com"
BY_WEBROOT = "site.in.example.com"


class Settings(msgspec.Struct):
    """Where everything is. ``names`` are those to order, of the four above."""

    home: str
    directory_url: str
    ca_bundle: str
    resolver: str
    authoritative_port: int
    rfc2136: dict[str, str]
    acme_dns: dict[str, str]
    http_address: str
    http_port: int
    webroot: str
    names: list[str]


async def _keep(issued: Issued) -> None:
    """Leave the certificate to the caller."""


async def obtain(settings: Settings, emit: Emit) -> Issued:
    """Run the order to its end. Raises what that raises."""
    home = Home(Path(settings.home))
    home.create()
    store, vault = home.open_store(), open_vault(home.path)
    journal = Journal(store, vault, home.is_locked)
    registrations = StoredRegistrations(store, vault)
    opened = {
        slug: open_provider(slug, ProviderContext(fields, registrations=registrations))
        for slug, fields in (("rfc2136", settings.rfc2136), ("acme-dns", settings.acme_dns))
    }

    async def providers_for(publication: PublishedRecord) -> list[Provider]:
        return [opened[publication.provider]]

    def by_dns(slug: str, fields: dict[str, str]) -> DnsMethod:
        return DnsMethod(slug, opened[slug], PropagationPolicy(), fields, credential=f"my-{slug}")

    listener = Listeners().listener([settings.http_address], settings.http_port)
    methods: dict[str, Method] = {
        BY_RFC2136: by_dns("rfc2136", settings.rfc2136),
        BY_ACME_DNS: by_dns("acme-dns", settings.acme_dns),
        BY_LISTENER: HttpMethod(listener),
        BY_WEBROOT: HttpMethod(Webroot(Path(settings.webroot))),
    }
    try:
        async with (
            Resolver(
                [parse_server(settings.resolver)], authoritative_port=settings.authoritative_port
            ) as resolver,
            AcmeClient(
                settings.directory_url, _account_key(home.path), ca_bundle=Path(settings.ca_bundle)
            ) as client,
        ):
            await client.register(agree_to_terms=True)
            plan = await make_plan(
                [Identifier.parse(name) for name in settings.names],
                lambda identifier: Choice(methods[identifier.value], "for the test"),
                resolver,
                register=True,
            )
            run = OrderRun(client, journal, resolver, providers_for, emit)
            return await run.obtain(OrderRequest("mixed", plan), _keep)
    finally:
        for provider in opened.values():
            await provider.close()
        await store.close()


def _account_key(folder: Path) -> AccountKey:
    path = folder / "account.pem"
    if not path.exists():
        path.write_bytes(AccountKey.generate().to_pem())
    return AccountKey.from_pem(path.read_bytes())


def _main(path: str, kill_at: str) -> None:
    def emit(event: Event) -> None:
        if event.__struct_config__.tag == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(obtain(msgspec.json.decode(Path(path).read_bytes(), type=Settings), emit))


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
