"""Licence keys over real HTTP: the ways in which stock clients send them, and what they open."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support.challenge_service import (
    Account,
    Reply,
    Service,
    challenge_command,
    request,
    txt,
    update,
    write_config,
)
from tests.support.registrations import MemoryRegistrations
from zoneproof.core.errors import ProviderCredentialsError, ProviderPermissionError
from zoneproof.core.names import DomainName
from zoneproof.providers import ProviderContext, TxtRecord, Zone, open_provider
from zoneproof.providers.acme_dns import AcmeDns

FORBIDDEN = (401, {"error": "forbidden"})
DOMAIN = DomainName.parse("example.com")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    config = write_config(tmp_path_factory.mktemp("service"), open_registration=False)
    with Service(config) as running:
        yield running


@pytest.fixture
def url(service: Service) -> str:
    return service.url


def challenge(service: Service, *arguments: str) -> str:
    done = challenge_command(service.config, *arguments)
    assert done.status == 0, done.stderr
    return done.stdout.strip()


def new_tenant(service: Service, name: str, *options: str) -> str:
    """Create a tenant and return a licence key of it."""
    challenge(service, "tenant", "create", name, *options)
    return challenge(service, "key", "create", name)


@pytest.fixture(scope="module")
def key(service: Service) -> str:
    return new_tenant(service, "acme", "--quota", "1000")


def basic(user: str, password: str) -> dict[str, str]:
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {token}"}


def answer(reply: Reply) -> tuple[int, object]:
    return reply.status, reply.json


def register_with(url: str, key: str) -> Reply:
    return request(url, "POST", "/register", headers=basic("user", key))


def account_of(reply: Reply) -> Account:
    assert reply.status == 201, reply.body
    return Account(*(reply.json[field] for field in Account._fields))


# --- the ways in -------------------------------------------------------------------------------


def test_without_a_key_nobody_registers_and_the_reply_asks_for_basic(url: str) -> None:
    reply = request(url, "POST", "/register")
    assert answer(reply) == FORBIDDEN
    assert reply.headers["WWW-Authenticate"].startswith("Basic ")


def test_basic_in_standard_base64_registers(url: str, key: str) -> None:
    assert register_with(url, key).status == 201


def test_basic_in_unpadded_base64url_registers(url: str, key: str) -> None:
    for user in ("~~~", "~~~~", "~~~~~"):
        token = base64.urlsafe_b64encode(f"{user}:{key}".encode()).decode().rstrip("=")
        headers = {"Authorization": f"Basic {token}"}
        assert request(url, "POST", "/register", "{}", headers).status == 201


@pytest.mark.parametrize("prefix", ["", "/", "/acme"])
@pytest.mark.parametrize("suffix", ["", "/"])
def test_the_key_in_the_path_registers_and_updates(
    service: Service, key: str, prefix: str, suffix: str
) -> None:
    base = f"{prefix}/k/{key}"
    account = account_of(request(service.url, "POST", f"{base}//register{suffix}"))
    body = json.dumps({"subdomain": account.subdomain, "txt": txt("k")})
    reply = request(service.url, "POST", f"{base}/update{suffix}", body, account.headers)
    assert reply.status == 200
    assert service.texts(account.fulldomain) == [txt("k")]


def test_curl_registers_with_the_key_in_its_url(url: str, key: str) -> None:
    target = url.replace("http://", f"http://anyone:{key}@") + "/register"
    made = subprocess.run(
        ["curl", "--silent", "--fail-with-body", "--request", "POST", target],
        capture_output=True,
        check=True,
        timeout=20,
    )
    assert json.loads(made.stdout)["fulldomain"]


def test_an_update_needs_no_licence_key_and_takes_any_authorization(url: str, key: str) -> None:
    account = account_of(register_with(url, key))
    assert update(url, account, txt("a")).status == 200
    body = json.dumps({"subdomain": account.subdomain, "txt": txt("b")})
    headers = {**account.headers, **basic("proxy", "password")}
    assert request(url, "POST", "/update", body, headers).status == 200


def test_the_registration_belongs_to_the_keys_tenant(service: Service, key: str) -> None:
    account = account_of(register_with(service.url, key))
    shown = challenge(service, "registration", "show", account.subdomain, "--json")
    assert json.loads(shown)["tenant"] == "acme"
    listed = challenge(service, "registration", "list", "--tenant", "acme")
    assert account.fulldomain in listed


# --- refusals ----------------------------------------------------------------------------------


def test_wrong_revoked_and_disabled_look_alike_and_the_log_tells_them_apart(
    service: Service,
) -> None:
    revoked, disabled = new_tenant(service, "revoked"), new_tenant(service, "disabled")
    challenge(service, "key", "revoke", revoked[3:11], "--yes")
    challenge(service, "tenant", "disable", "disabled")
    wrong = disabled[:-4] + "AAAA"
    replies = [register_with(service.url, each) for each in (revoked, disabled, wrong, "x", "")]
    for reply in replies:
        assert answer(reply) == FORBIDDEN
        del reply.headers["Date"]
    assert len({(tuple(reply.headers.items()), reply.body) for reply in replies}) == 1
    said = r"127\.0\.0\.1 refused \(forbidden\): POST /register: "
    service.wait_for_line(f"{said}tenant 'disabled' is disabled")
    service.wait_for_line(f"{said}the licence key is wrong, its id {wrong[3:11]} .* 'disabled'")
    service.wait_for_line(f"{said}the licence key is wrong, its id {revoked[3:11]} is unknown")
    service.wait_for_line(f"{said}no licence key was sent")
    for path_key in (revoked, disabled, wrong):
        assert answer(request(service.url, "POST", f"/k/{path_key}/register")) == FORBIDDEN
    assert not any(each[12:] in line for each in (revoked, disabled) for line in service.lines)


def test_a_wrong_key_is_told_before_anything_else_that_is_wrong(url: str, key: str) -> None:
    for body in ("{", '{"allowfrom": ["x"]}', "x" * 20_000):
        assert answer(request(url, "POST", "/register", body)) == FORBIDDEN
    assert request(url, "POST", f"/k/{key}/register", "{").json["error"] == "malformed_json_payload"


def test_a_wrong_key_in_the_path_fails_an_update(url: str, key: str) -> None:
    account = account_of(register_with(url, key))
    body = json.dumps({"subdomain": account.subdomain, "txt": txt("a")})
    path = f"/k/{key[:-4]}AAAA/update"
    assert answer(request(url, "POST", path, body, account.headers)) == FORBIDDEN
    assert request(url, "POST", f"/k/{key}/update", body, account.headers).status == 200


def test_a_key_in_the_path_does_not_replace_the_registrations_own(url: str, key: str) -> None:
    account = account_of(register_with(url, key))
    body = json.dumps({"subdomain": account.subdomain, "txt": txt("a")})
    assert answer(request(url, "POST", f"/k/{key}/update", body)) == FORBIDDEN
    wrong = {**account.headers, "X-Api-Key": "x" * 40}
    assert answer(request(url, "POST", f"/k/{key}/update", body, wrong)) == FORBIDDEN


def test_the_operators_key_does_not_register(service: Service) -> None:
    operator = challenge(service, "key", "create", "--operator")
    assert answer(register_with(service.url, operator)) == FORBIDDEN


def test_a_full_tenant_is_told_so_and_the_log_how_full(service: Service) -> None:
    full = new_tenant(service, "full", "--quota", "1")
    assert register_with(service.url, full).status == 201
    reply = register_with(service.url, full)
    assert answer(reply) == (403, {"error": "quota_exceeded"})
    service.wait_for_line("'full' has 1 registrations, and its quota is 1")


def test_an_expired_tenant_can_neither_register_nor_update(service: Service) -> None:
    expiring = new_tenant(service, "expiring")
    account = account_of(register_with(service.url, expiring))
    update(service.url, account, txt("a"))
    challenge(service, "tenant", "change", "expiring", "--expires", "2020-01-31")
    expired = (403, {"error": "licence_expired"})
    assert answer(register_with(service.url, expiring)) == expired
    assert answer(update(service.url, account, txt("b"))) == expired
    assert answer(update(service.url, account, txt("a"), method="DELETE")) == expired
    assert service.texts(account.fulldomain) == [txt("a")]
    challenge(service, "tenant", "change", "expiring", "--expires", "never")
    assert update(service.url, account, txt("b")).status == 200


def test_a_disabled_tenants_updates_fail(service: Service) -> None:
    account = account_of(register_with(service.url, new_tenant(service, "off")))
    challenge(service, "tenant", "disable", "off")
    assert answer(update(service.url, account, txt("a"))) == FORBIDDEN
    challenge(service, "tenant", "enable", "off")
    assert update(service.url, account, txt("a")).status == 200


async def test_a_hundred_that_register_at_once_share_a_quota_of_ten(service: Service) -> None:
    licence = new_tenant(service, "crowded", "--quota", "10")
    async with httpx2.AsyncClient(base_url=service.url, auth=("u", licence), timeout=30) as client:
        replies = await asyncio.gather(*(client.post("/register") for _ in range(100)))
    assert Counter(reply.status_code for reply in replies) == {201: 10, 403: 90}
    assert (
        json.loads(challenge(service, "tenant", "show", "crowded", "--json"))["registrations"] == 10
    )


def test_with_open_registration_a_key_that_is_sent_must_be_right(tmp_path: Path) -> None:
    with Service(write_config(tmp_path)) as service:
        licence = new_tenant(service, "acme", "--quota", "1")
        assert request(service.url, "POST", "/register").status == 201
        assert register_with(service.url, licence).status == 201
        assert register_with(service.url, licence).json == {"error": "quota_exceeded"}
        assert answer(register_with(service.url, licence[:-4] + "AAAA")) == FORBIDDEN


# --- the certificate manager's provider --------------------------------------------------------


async def publish(server: str, store: MemoryRegistrations, value: str) -> Zone:
    provider = open_provider("acme-dns", ProviderContext({"server": server}, registrations=store))
    assert isinstance(provider, AcmeDns)
    try:
        target = await provider.target(DOMAIN, create=True)
        assert target is not None
        await provider.add(Zone(target), [TxtRecord("", value, 1)])
    finally:
        await provider.close()
    return Zone(target)


async def test_our_provider_works_with_the_key_in_either_place(service: Service, key: str) -> None:
    with_basic = service.url.replace("http://", f"http://tenant:{key}@")
    with_path = f"{service.url}/k/{key}/"
    for server in (with_basic, with_path):
        zone = await publish(server, MemoryRegistrations(), txt("p"))
        assert service.texts(str(zone.name)) == [txt("p")]


async def test_our_provider_keeps_its_registration_when_the_key_is_replaced(
    service: Service, key: str
) -> None:
    store = MemoryRegistrations()
    second = challenge(service, "key", "create", "acme", "--note", "the next")
    first_zone = await publish(f"{service.url}/k/{key}", store, txt("1"))
    second_zone = await publish(f"{service.url}/k/{second}", store, txt("2"))
    assert first_zone == second_zone
    assert service.texts(str(first_zone.name)) == [txt("1"), txt("2")]


async def test_our_provider_says_what_is_wrong_with_the_key(service: Service) -> None:
    store = MemoryRegistrations()
    full = new_tenant(service, "none-left", "--quota", "0")
    for server in (f"{service.url}/k/{full}", service.url.replace("//", f"//u:{full}@")):
        with pytest.raises(ProviderPermissionError, match="quota_exceeded") as refused:
            await publish(server, store, txt("a"))
        assert full not in refused.value.message
        with pytest.raises(ProviderCredentialsError, match="licence key") as wrong:
            await publish(server.replace(full, full[:-4] + "AAAA"), store, txt("a"))
        assert full[12:-4] not in wrong.value.message
    with pytest.raises(ProviderCredentialsError, match="only with a licence key"):
        await publish(service.url, store, txt("a"))
