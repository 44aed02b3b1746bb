"""A home with certificates by every kind of method, and the servers that they need."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.message
import dns.query
import dns.tsigkeyring
import dns.update

from bench._renewals import rfc2136
from tests.support.challenge_service import Service, texts
from tests.support.peers.knot import TSIG_ALGORITHM, TSIG_NAME, TSIG_SECRET, Knot
from tests.support.peers.unbound import Unbound
from tests.support.web_server import web_server
from tests.support.world import World, zone_text
from zoneproof.core.names import DomainName
from zoneproof.manager import (
    AccountTerms,
    CertificateDefinition,
    Credential,
    Home,
    MethodDefinition,
    RunOptions,
    open_manager,
)
from zoneproof.providers import DelegatedProvider
from zoneproof.testing.pebble import Pebble
from zoneproof.testing.ports import free_port

_ROOT = Path(__file__).parents[1]
_ZONE = "example.com"
_CHALLENGE_ZONE = "auth.example.org"
_CHALLENGE_ADDRESS = "127.0.0.2"  # its port is Knot's, as all authoritative servers' is

_SERVICE = f"""
[dns]
listen = ["{_CHALLENGE_ADDRESS}:{{port}}"]
workers = 1
[api]
listen = ["127.0.0.1:0"]
[service]
user = "root"
[[zones]]
name = "{_CHALLENGE_ZONE}"
nameservers = ["ns1.{_CHALLENGE_ZONE}"]
hostmaster = "hostmaster@example.org"
records = '''
ns1 A {_CHALLENGE_ADDRESS}
'''
"""

_HOOK = """#!/bin/sh
cd {root} && exec {python} -m tests.support.change_txt {port} {action} "$2" "$3"
"""


@dataclass
class MixedWorld(World):
    """The servers, and ``definitions`` of a home whose account is registered."""

    webroot: Path
    fulldomain: str
    definitions: tuple[CertificateDefinition, ...]

    def leftovers(self) -> list[str]:
        """Return what is there of answers to challenges, wherever they are published."""
        found = [str(path) for path in self.webroot.rglob("*") if path.is_file()]
        names = {name.removeprefix("*.") for one in self.definitions for name in one.identifiers}
        for name in sorted(names):
            found += self.txt_values(f"_acme-challenge.{name}")
        question = dns.message.make_query(self.fulldomain, "TXT")
        reply = dns.query.udp(question, _CHALLENGE_ADDRESS, port=self.knot.port, timeout=10)
        return found + texts(reply)


@contextmanager
def open_mixed(folder: Path) -> Iterator[MixedWorld]:
    """Start Knot, Unbound, Pebble, the challenge service and a web server; define certificates."""
    with ExitStack() as stack:
        port, http_port = free_port(), free_port()
        zone = zone_text(_ZONE, "web A 127.0.0.1")
        knot = stack.enter_context(Knot(folder / "knot", {_ZONE: zone}, port=port))
        stubs = {_ZONE: [f"127.0.0.1@{port}"], _CHALLENGE_ZONE: [f"{_CHALLENGE_ADDRESS}@{port}"]}
        unbound = stack.enter_context(Unbound(folder / "unbound", stubs))
        pebble = stack.enter_context(
            Pebble(
                folder / "pebble",
                dns_server=f"127.0.0.1:{unbound.port}",
                config={"httpPort": http_port},
                environment={"PEBBLE_WFE_NONCEREJECT": "10"},
            )
        )
        service = folder / "service"
        service.mkdir()
        config = service / "zoneproof.toml"
        config.write_text(_SERVICE.format(port=port))
        stack.enter_context(Service(config, workers_as_installed=True))
        webroot = folder / "webroot"
        webroot.mkdir()
        stack.enter_context(web_server(webroot, "127.0.0.1", http_port))
        world = MixedWorld(folder, knot, unbound, pebble, webroot, "", ())
        world.write_settings(f'account = "{pebble.directory_url}"')
        asyncio.run(_define(world, config))
        yield world


async def _define(world: MixedWorld, config: Path) -> None:
    hooks = {action: str(_hook(world, action)) for action in ("create", "delete")}
    terms = AccountTerms(agree_to_terms=True, ca_bundle=world.pebble.ca_bundle)
    credentials = [
        rfc2136(world.knot),
        Credential("hook", "script", hooks),
        Credential("service", "challenge", {"config": str(config)}),
    ]
    world.definitions = tuple(
        CertificateDefinition(name=name, identifiers=identifiers, method=(method,)).check()
        for name, identifiers, method in (
            ("apex", (_ZONE, f"*.{_ZONE}"), MethodDefinition(credential="dns")),
            ("hook", (f"hook.{_ZONE}",), MethodDefinition(credential="hook")),
            ("delegated", (f"delegated.{_ZONE}",), MethodDefinition(credential="service")),
            (
                "web",
                (f"web.{_ZONE}",),
                MethodDefinition(challenge="http-01", webroot=str(world.webroot)),
            ),
        )
    )
    async with open_manager(Home(world.home), RunOptions(terms=terms)) as manager:
        for credential in credentials:
            await manager.credentials.save(credential)
        for definition in world.definitions:
            await manager.certificates.save(definition)
        async with manager.clients.use(manager.settings.account):
            pass
        provider = manager.providers.open("challenge", credentials[-1].fields)
        assert isinstance(provider, DelegatedProvider)
        target = await provider.target(DomainName.parse(f"delegated.{_ZONE}"), create=True)
        assert target is not None
    world.fulldomain = target.text
    _delegate(world.knot, target)


def _delegate(knot: Knot, target: DomainName) -> None:
    keyring = dns.tsigkeyring.from_text({TSIG_NAME: TSIG_SECRET})
    update = dns.update.UpdateMessage(_ZONE, keyring=keyring, keyalgorithm=TSIG_ALGORITHM)
    update.add("_acme-challenge.delegated", 60, "CNAME", target.fqdn)
    dns.query.tcp(update, knot.address, port=knot.port, timeout=10)


def _hook(world: World, action: str) -> Path:
    path = world.folder / action
    word = "add" if action == "create" else "remove"
    path.write_text(
        _HOOK.format(root=_ROOT, python=sys.executable, port=world.knot.port, action=word)
    )
    path.chmod(0o755)
    return path
