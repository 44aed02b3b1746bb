"""Present and CleanUp as cert-manager asks for them, on Knot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.asyncquery
import dns.message
import dns.rdatatype
import pytest

from tests.certmanager.cert_manager import Challenge
from tests.certmanager.cluster import World, world
from tests.providers.harness import challenge_value
from tests.support.fake_http import Reply, fake_http_server
from tests.support.peers.knot import TSIG_ALGORITHM, TSIG_NAME, TSIG_SECRET, Knot
from tests.support.peers.unbound import Unbound
from tests.support.self_signed import certificate
from tests.support.world import zone_text
from zoneproof.certmanager.opened import OpenedMethods
from zoneproof.certmanager.secrets import PrivateFiles
from zoneproof.manager.credentials.store import Credential

CNAMES = [
    "_acme-challenge.shop CNAME _acme-challenge.shop.example.net.",
    "_acme-challenge.ruled CNAME _acme-challenge.ruled.example.net.",
]
SECRET_REF = {"secretRef": {"name": "tsig", "key": "secret"}}


@dataclass(frozen=True)
class Servers:
    """An authoritative server, and a resolver that asks it."""

    knot: Knot
    unbound: Unbound

    @property
    def fields(self) -> dict[str, Any]:
        """What an Issuer says for it."""
        return {
            "server": "127.0.0.1",
            "port": self.knot.port,  # a number, as people write it
            "key_name": TSIG_NAME,
            "algorithm": TSIG_ALGORITHM,
            "secret": SECRET_REF,
        }

    def config(self, **more: Any) -> dict[str, Any]:
        """Return the config of a solver."""
        return {"provider": "rfc2136", "fields": self.fields, **more}

    async def values(self, name: str) -> set[str]:
        """Return the TXT values at a name."""
        question = dns.message.make_query(name, "TXT", flags=0)
        answer = await dns.asyncquery.tcp(question, "127.0.0.1", port=self.knot.port, timeout=10)
        return {
            part.decode()
            for rrset in answer.answer
            if rrset.rdtype == dns.rdatatype.TXT
            for rdata in rrset
            for part in rdata.strings
        }


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("dns")
    zones = {
        "example.com": zone_text("example.com", *CNAMES),
        "example.net": zone_text("example.net"),
    }
    with Knot(folder / "knot", zones) as knot:
        stubs = {zone: [f"127.0.0.1@{knot.port}"] for zone in zones}
        with Unbound(folder / "unbound", stubs) as unbound:
            yield Servers(knot, unbound)


@pytest.fixture
async def here(servers: Servers, tmp_path: Path) -> AsyncIterator[World]:
    ports = {"dns_port": servers.knot.port, "resolver_port": servers.unbound.port}
    async with world(tmp_path, **ports) as made:
        made.kubernetes.secret("shop", "tsig", {"secret": TSIG_SECRET})
        yield made


def at(name: str, servers: Servers, **more: Any) -> Challenge:
    """Return a challenge for a name, with a value of its own."""
    return Challenge(servers.config(**more), name, challenge_value())


# --- cert-manager's conformance suite (test/acme/suite.go), with its names and values -----------


async def test_conformance_a_record_is_presented_and_cleaned_up(
    here: World, servers: Servers
) -> None:
    name = "cert-manager-dns01-tests.example.com"
    challenge = Challenge(servers.config(), key="123d==", fqdn=f"{name}.")
    assert await here.proxy.present(challenge) == ""
    assert await servers.values(name) == {"123d=="}
    assert await here.proxy.clean_up(challenge) == ""
    assert await servers.values(name) == set()
    assert await here.proxy.clean_up(challenge) == ""


async def test_conformance_deleting_one_record_retains_others(
    here: World, servers: Servers
) -> None:
    name = "cert-manager-dns01-tests.example.com"
    first = Challenge(servers.config(), key="123d==", fqdn=f"{name}.")
    second = first.but(key="anothertestingkey")
    assert await here.proxy.present(first) == ""
    assert await here.proxy.present(second) == ""
    assert await servers.values(name) == {first.key, second.key}
    assert await here.proxy.clean_up(second) == ""
    assert await servers.values(name) == {first.key}
    assert await here.proxy.clean_up(first) == ""


# --- and what else cert-manager and people do ---------------------------------------------------


async def test_asking_again_changes_nothing(here: World, servers: Servers) -> None:
    challenge = at("*.again.example.com", servers)
    for _ in range(3):
        assert await here.proxy.present(challenge) == ""
        assert await servers.values("_acme-challenge.again.example.com") == {challenge.key}
    for _ in range(3):
        assert await here.proxy.clean_up(challenge) == ""
        assert await servers.values("_acme-challenge.again.example.com") == set()


async def test_fifty_challenges_at_once(here: World, servers: Servers) -> None:
    challenges = [at(f"host-{number}.example.com", servers) for number in range(50)]
    assert set(await asyncio.gather(*map(here.proxy.present, challenges))) == {""}
    for challenge in challenges:
        name = f"_acme-challenge.{challenge.dns_name}"
        assert await servers.values(name) == {challenge.key}
    assert set(await asyncio.gather(*map(here.proxy.clean_up, challenges))) == {""}
    for challenge in challenges:
        assert await servers.values(f"_acme-challenge.{challenge.dns_name}") == set()


async def test_a_cname_is_followed_although_cert_manager_did_not(
    here: World, servers: Servers
) -> None:
    challenge = at("shop.example.com", servers)
    assert await here.proxy.present(challenge) == ""
    assert await servers.values("_acme-challenge.shop.example.net") == {challenge.key}
    assert await here.proxy.clean_up(challenge) == ""


async def test_where_cert_manager_followed_a_cname_the_value_goes(
    here: World, servers: Servers
) -> None:
    fqdn = "_acme-challenge.shop.example.net."
    challenge = at("shop.example.com", servers).but(fqdn=fqdn, zone="example.net.")
    assert await here.proxy.present(challenge) == ""
    assert await servers.values(fqdn) == {challenge.key}
    assert await here.proxy.clean_up(challenge) == ""


async def test_a_delegation_rule_wants_its_cname(here: World, servers: Servers) -> None:
    rule = "*.example.com:*.example.net"
    problem = await here.proxy.present(at("unruled.example.com", servers, delegation=rule))
    assert problem.endswith(
        "_acme-challenge.unruled.example.com. IN CNAME _acme-challenge.unruled.example.net."
    )
    challenge = at("ruled.example.com", servers, delegation=rule)
    assert await here.proxy.present(challenge) == ""
    assert await servers.values("_acme-challenge.ruled.example.net") == {challenge.key}
    assert await here.proxy.clean_up(challenge) == ""


async def test_a_line_break_at_the_end_of_a_secret_is_no_part_of_it(
    here: World, servers: Servers
) -> None:
    here.kubernetes.secret("shop", "tsig", {"secret": f"{TSIG_SECRET}\n"})
    challenge = at("line.example.com", servers)
    assert await here.proxy.present(challenge) == ""
    assert await here.proxy.clean_up(challenge) == ""


async def test_a_value_is_cleaned_up_although_the_secret_is_gone(
    here: World, servers: Servers
) -> None:
    challenge = at("deleted.example.com", servers)
    assert await here.proxy.present(challenge) == ""
    here.kubernetes.objects.clear()
    assert await here.proxy.clean_up(challenge) == ""
    assert await servers.values("_acme-challenge.deleted.example.com") == set()


@pytest.mark.parametrize(
    "change",
    [
        {"provider": "clowdflare", "fields": {}},
        {"fields": {"secret": {"secretRef": {"name": "mistyped", "key": "secret"}}}},
        {"zone": "example.org"},
    ],
)
async def test_a_challenge_that_could_not_be_presented_can_be_deleted(
    here: World, servers: Servers, change: dict[str, Any]
) -> None:
    challenge = at("mistake.example.com", servers, **change)
    assert await here.proxy.present(challenge) != ""
    assert await here.proxy.clean_up(challenge) == ""


async def test_a_challenge_whose_value_the_provider_cannot_write_can_be_deleted(
    here: World, servers: Servers
) -> None:
    challenge = at("long.example.com", servers).but(key="k" * 5000)
    assert "is too long" in await here.proxy.present(challenge)
    assert await here.proxy.clean_up(challenge) == ""


async def test_a_value_behind_a_cname_that_is_gone_is_cleaned_up(
    here: World, servers: Servers
) -> None:
    fqdn = "_acme-challenge.gone.example.net."
    challenge = at("gone.example.com", servers)
    assert await here.proxy.present(challenge.but(fqdn=fqdn)) == ""
    rule = at("gone.example.com", servers, delegation="*.example.com:*.example.net")
    assert await here.proxy.clean_up(rule.but(key=challenge.key)) == ""
    assert await servers.values(fqdn) == set()


async def test_a_clean_up_that_the_provider_refuses_is_asked_for_again(
    here: World, servers: Servers
) -> None:
    challenge = at("refused.example.com", servers)
    assert await here.proxy.present(challenge) == ""
    here.kubernetes.secret("shop", "tsig", {"secret": "d3Jvbmctd3Jvbmctd3Jvbmctd3Jvbmc="})
    assert await here.proxy.clean_up(challenge) != ""
    here.kubernetes.secret("shop", "tsig", {"secret": TSIG_SECRET})
    assert await here.proxy.clean_up(challenge) == ""
    assert await servers.values("_acme-challenge.refused.example.com") == set()


async def test_what_failed_is_tried_anew(here: World, servers: Servers) -> None:
    challenge = at("anew.example.com", servers)
    here.kubernetes.secret("shop", "tsig", {"secret": "d3Jvbmctd3Jvbmctd3Jvbmctd3Jvbmc="})
    problem = await here.proxy.present(challenge)
    assert "example.com" in problem
    assert TSIG_SECRET not in problem
    here.kubernetes.secret("shop", "tsig", {"secret": TSIG_SECRET})
    assert await here.proxy.present(challenge) == ""
    assert await here.proxy.clean_up(challenge) == ""


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "there is no Secret shop/tsig: create it in shop, the namespace of the Issuer"),
        ("key", "the Secret shop/tsig has no key 'secret'; it has token"),
        ("type", "the Secret shop/tsig is of the type kubernetes.io/tls"),
        ("bytes", "the key 'secret' of the Secret shop/tsig is not text in UTF-8"),
        ("forbidden", "the webhook may not read the Secret shop/tsig: name its namespace in"),
        ("elsewhere", "there is no Secret shop/tsig"),
        ("down", "does not accept the credentials"),
    ],
)
async def test_what_is_wrong_with_a_secret_is_told(
    here: World, servers: Servers, kind: str, words: str
) -> None:
    cluster, path = here.kubernetes, "/api/v1/namespaces/shop/secrets/tsig"
    match kind:
        case "missing":
            del cluster.objects[path]
        case "key":
            cluster.secret("shop", "tsig", {"token": TSIG_SECRET})
        case "type":
            cluster.secret("shop", "tsig", {"secret": TSIG_SECRET}, "kubernetes.io/tls")
        case "bytes":
            cluster.secret("shop", "tsig", {"secret": b"\xff\xfe"})
        case "forbidden":
            cluster.forbidden.add(path)
        case "elsewhere":
            cluster.objects["/api/v1/namespaces/other/secrets/tsig"] = cluster.objects.pop(path)
    challenge = at("secret.example.com", servers)
    if kind == "down":
        # The webhook's own token ends between the access review and the Secret.
        cluster.after_review = lambda: setattr(cluster, "tokens", {"the next one"})
    assert words in await here.proxy.present(challenge)
    assert await servers.values("_acme-challenge.secret.example.com") == set()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"provider": ""}, "needs a provider with its fields, or a credential"),
        ({"provider": "clowdflare", "fields": {}}, "did you mean 'cloudflare'?"),
        ({"fields": {"server": "127.0.0.1", "secrets": "x"}}, "has no field 'secrets'"),
        ({"fields": {"server": "127.0.0.1", "secret": TSIG_SECRET}}, "put it into a Secret"),
        ({"fields": {"secret": {"secretRef": {"name": "tsig"}}}}, "secretRef.key' is missing"),
        (
            {"fields": {"secret": {"secretRef": {"name": "a", "key": "b", "namespace": "c"}}}},
            "namespace",
        ),
        ({"fields": {"secret": {"secretRef": {"name": "../x", "key": "b"}}}}, "cannot be the name"),
        ({"delegations": "a:b"}, "'delegations'"),
        ({"delegation": "a"}, "delegation rule 'a'"),
        ({"ttl": -1}, "ttl must be seconds"),
        ({"propagation": "soon"}, "'soon' is not a propagation setting"),
        ({"resolvers": ["nowhere:99999"]}, "nowhere"),
    ],
)
async def test_what_is_wrong_with_a_config_is_told(
    here: World, servers: Servers, change: dict[str, Any], words: str
) -> None:
    problem = await here.proxy.present(at("config.example.com", servers, **change))
    assert words in problem
    assert TSIG_SECRET not in problem


async def test_a_file_of_a_provider_comes_from_a_secret(tmp_path: Path) -> None:
    bundle, tls = certificate(tmp_path)
    async with fake_http_server(lambda _: Reply(200), tls) as server, world(tmp_path) as here:
        here.kubernetes.secret("shop", "ca", {"ca.crt": bundle.read_bytes()})
        reference = {"secretRef": {"name": "ca", "key": "ca.crt"}}
        fields: dict[str, Any] = {"server": server.url, "ca_bundle": reference}
        config = {
            "provider": "httpreq",
            "fields": fields,
            "zone": "example.com",
            "followCname": False,
            "propagation": 0,
        }
        challenge = Challenge(config, "file.example.com", challenge_value())
        assert await here.proxy.present(challenge) == ""
        assert await here.proxy.clean_up(challenge) == ""
        assert [one.path for one in server.requests] == ["/present", "/cleanup"]
        fields["ca_bundle"] = str(bundle)
        assert "the field 'ca_bundle' is a file: put it" in await here.proxy.present(challenge)


async def test_a_value_is_cleaned_up_although_secret_and_file_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in (PrivateFiles, OpenedMethods):  # one of each stays
        monkeypatch.setattr(kind.__init__, "__kwdefaults__", {"most": 1})
    bundle, tls = certificate(tmp_path)
    async with fake_http_server(lambda _: Reply(200), tls) as server, world(tmp_path) as here:

        def challenge(name: str) -> Challenge:
            here.kubernetes.secret("shop", name, {"ca.crt": bundle.read_bytes() + name.encode()})
            reference = {"secretRef": {"name": name, "key": "ca.crt"}}
            config = {
                "provider": "httpreq",
                "fields": {"server": server.url, "ca_bundle": reference},
                "zone": "example.com",
                "followCname": False,
                "propagation": 0,
            }
            return Challenge(config, f"{name}.example.com", challenge_value())

        first, second = challenge("first"), challenge("second")
        assert await here.proxy.present(first) == ""
        assert await here.proxy.present(second) == ""
        here.kubernetes.objects.clear()
        assert await here.proxy.clean_up(first) == ""
        cleaned = server.requests[-1]
        assert (cleaned.path, first.key in cleaned.body.decode()) == ("/cleanup", True)


async def test_an_issuer_reads_nothing_at_addresses_that_the_webhook_reaches(here: World) -> None:
    here.kubernetes.secret("shop", "dreamhost", {"key": "k" * 16})
    key = {"secretRef": {"name": "dreamhost", "key": "key"}}
    async with fake_http_server(lambda _: Reply(200, {"Code": "inner-secret"})) as inner:
        url = f"{inner.url}/latest/meta-data/role#"
        given = {"provider": "dreamhost", "fields": {"key": key, "api_url": url}}
        problem = await here.proxy.present(Challenge(given))
        assert "this Issuer may not use the field 'api_url' of DreamHost" in problem
        assert inner.requests == []
        told = await here.proxy.present(Challenge(given, ambient=True))
        assert "inner-secret" in told


async def test_the_webhook_s_own_identity_is_for_those_who_may_use_it(here: World) -> None:
    config = {"provider": "azure", "fields": {"subscription_id": "s", "identity": "managed"}}
    assert "this Issuer may not use Azure DNS" in await here.proxy.present(Challenge(config))


async def test_a_credential_of_the_home_is_for_those_who_may_use_it(
    here: World, servers: Servers
) -> None:
    fields = {**servers.fields, "port": str(servers.knot.port), "secret": TSIG_SECRET}
    await here.manager.credentials.add(Credential(name="knot", provider="rfc2136", fields=fields))
    challenge = Challenge({"credential": "knot"}, "home.example.com", challenge_value())
    assert "may not use the credential knot" in await here.proxy.present(challenge)
    challenge = challenge.but(ambient=True)
    assert await here.proxy.present(challenge) == ""
    assert await servers.values("_acme-challenge.home.example.com") == {challenge.key}
    assert await here.proxy.clean_up(challenge) == ""
