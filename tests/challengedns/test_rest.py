"""The REST API over real HTTP: what a tenant's key shows and changes, and what the operator's."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.challenge_service import (
    Account,
    Reply,
    Service,
    challenge_command,
    register,
    request,
    txt,
    update,
    write_config,
)

NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(write_config(tmp_path_factory.mktemp("service"))) as running:
        yield running


@pytest.fixture(scope="module")
def operator(service: Service) -> str:
    done = challenge_command(service.config, "key", "create", "--operator", "--json")
    key: str = json.loads(done.stdout)["key"]
    return key


def call(
    service: Service, key: str, method: str, path: str, content: object = None
) -> tuple[int, Any]:
    reply = send(service, key, method, path, content)
    assert (reply.status == 204) == (reply.body == b"")
    return reply.status, reply.json if reply.body else None


def send(service: Service, key: str, method: str, path: str, content: object = None) -> Reply:
    body = None if content is None else json.dumps(content)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return request(service.url, method, f"/api/v1/{path}", body, headers)


def new_tenant(service: Service, operator: str, name: str, **settings: object) -> str:
    """Create a tenant and return a licence key of it."""
    status, _ = call(service, operator, "POST", "tenants", {"name": name, **settings})
    assert status == 201
    status, made = call(service, operator, "POST", "keys", {"tenant": name})
    assert status == 201
    key: str = made["key"]
    return key


@pytest.fixture(scope="module")
def tenant(service: Service, operator: str) -> str:
    return new_tenant(service, operator, "acme")


@pytest.fixture
def account(service: Service, tenant: str) -> Account:
    return register(service.url, tenant)


# --- registrations -----------------------------------------------------------------------------


def test_a_registration_is_shown_with_its_live_values(
    service: Service, tenant: str, account: Account
) -> None:
    update(service.url, account, txt("a"))
    status, shown = call(service, tenant, "GET", f"registrations/{account.subdomain}")
    assert status == 200
    assert [value["txt"] for value in shown["values"]] == [txt("a")]
    assert shown["fulldomain"] == account.fulldomain
    assert (shown["tenant"], shown["disabled"], shown["note"]) == ("acme", False, "")
    assert "key_hash" not in shown


def test_note_allowfrom_and_switch_change_together_or_not_at_all(
    service: Service, tenant: str, account: Account
) -> None:
    path = f"registrations/{account.subdomain}"
    change = {"note": "mail\u0007 server", "allowfrom": ["192.0.2.0/24"], "disabled": True}
    status, changed = call(service, tenant, "PATCH", path, change)
    assert status == 200
    assert (changed["note"], changed["allowfrom"], changed["disabled"]) == (
        "mail server",
        ["192.0.2.0/24"],
        True,
    )
    assert update(service.url, account, txt("a")).status == 401
    status, error = call(service, tenant, "PATCH", path, {"note": "x", "allowfrom": ["y"]})
    assert (status, error["error"]) == (400, "invalid_allowfrom_cidr")
    status, changed = call(service, tenant, "PATCH", path, {"disabled": False, "allowfrom": []})
    assert (changed["note"], changed["disabled"]) == ("mail server", False)
    assert update(service.url, account, txt("a")).status == 200
    assert call(service, tenant, "PATCH", path, {}) == (
        200,
        call(service, tenant, "GET", path)[1],
    )


def test_rotating_gives_what_registering_gives_with_a_new_password(
    service: Service, tenant: str, account: Account
) -> None:
    status, made = call(service, tenant, "POST", f"registrations/{account.subdomain}/rotate")
    assert status == 200
    assert made.pop("allowfrom") == []
    renewed = Account(**made)
    assert renewed._replace(password="") == account._replace(password="")
    assert update(service.url, account, txt("a")).status == 401
    assert update(service.url, renewed, txt("a")).status == 200


def test_a_deleted_registration_is_gone_and_answered_no_more(
    service: Service, tenant: str, account: Account
) -> None:
    update(service.url, account, txt("a"))
    path = f"registrations/{account.subdomain}"
    assert call(service, tenant, "DELETE", path) == (204, None)
    assert service.texts(account.fulldomain) == []
    for method in ("GET", "DELETE"):
        status, error = call(service, tenant, method, path)
        assert (status, error["error"]) == (404, "not_found")


def test_another_tenants_registration_is_as_one_that_there_is_not(
    service: Service, operator: str, account: Account
) -> None:
    other = new_tenant(service, operator, "nosy")
    for method, end, content in (
        ("GET", "", None),
        ("PATCH", "", {"disabled": True}),
        ("DELETE", "", None),
        ("POST", "/rotate", None),
    ):
        theirs = send(service, other, method, f"registrations/{account.subdomain}{end}", content)
        nobodys = send(service, other, method, f"registrations/{NOWHERE}{end}", content)
        assert (theirs.status, theirs.json) == (nobodys.status, nobodys.json)
        assert theirs.status == 404
    assert call(service, other, "GET", "registrations")[1] == {"registrations": [], "next": None}
    assert update(service.url, account, txt("a")).status == 200


def test_the_operator_sees_and_changes_all_registrations(
    service: Service, operator: str, account: Account
) -> None:
    open_one = register(service.url)
    for each, tenant in ((account, "acme"), (open_one, None)):
        status, shown = call(service, operator, "GET", f"registrations/{each.subdomain}")
        assert (status, shown["tenant"]) == (200, tenant)
    assert call(service, operator, "DELETE", f"registrations/{open_one.subdomain}")[0] == 204


def test_the_operator_gives_a_registration_to_a_tenant_and_takes_it_back(
    service: Service, operator: str, tenant: str, account: Account
) -> None:
    licence = new_tenant(service, operator, "heir", quota=1)
    path = f"registrations/{account.subdomain}"
    status, error = call(service, tenant, "PATCH", path, {"tenant": "heir"})
    assert (status, error["error"]) == (403, "operator_key_needed")
    status, changed = call(service, operator, "PATCH", path, {"tenant": "heir", "note": "x"})
    assert (status, changed["tenant"], changed["note"]) == (200, "heir", "x")
    assert call(service, licence, "GET", path) == (200, changed)
    assert call(service, tenant, "GET", path)[0] == 404
    other = f"registrations/{register(service.url).subdomain}"
    status, error = call(service, operator, "PATCH", other, {"tenant": "heir", "note": "x"})
    assert (status, error["error"]) == (403, "quota_exceeded")
    assert call(service, operator, "GET", other)[1]["note"] == ""
    status, error = call(service, operator, "PATCH", other, {"tenant": "nobody"})
    assert (status, error["error"]) == (404, "not_found")
    assert call(service, operator, "PATCH", path, {"tenant": None})[1]["tenant"] is None
    assert call(service, operator, "GET", "tenants/heir")[1]["registrations"] == 0


def test_registrations_come_in_pages_of_one_tenant_or_all(service: Service, operator: str) -> None:
    licence = new_tenant(service, operator, "paged")
    made = sorted(register(service.url, licence).subdomain for _ in range(5))
    register(service.url)
    for key, path in ((licence, "registrations?"), (operator, "registrations?tenant=paged&")):
        seen, after = [], ""
        for expected in (2, 2, 1):
            _, page = call(service, key, "GET", f"{path}limit=2&after={after}")
            assert len(page["registrations"]) == expected
            seen += [one["subdomain"] for one in page["registrations"]]
            after = page["next"]
        assert after is None
        assert seen == made
    everything = call(service, operator, "GET", "registrations?limit=1000")[1]["registrations"]
    assert {None, "paged"} <= {one["tenant"] for one in everything}


# --- tenants and keys --------------------------------------------------------------------------


def test_a_tenant_is_made_shown_changed_listed_and_deleted(service: Service, operator: str) -> None:
    new = {"name": "short-lived", "quota": 3, "expires_at": 4_000_000_000}
    reply = send(service, operator, "POST", "tenants", new)
    assert reply.status == 201
    assert reply.headers["Location"] == "/api/v1/tenants/short-lived"
    assert {**reply.json, "created_at": 0} == {
        **new,
        "registrations": 0,
        "disabled": False,
        "created_at": 0,
    }
    status, error = call(service, operator, "POST", "tenants", new)
    assert (status, error["error"]) == (409, "already_exists")
    path = "tenants/short-lived"
    status, changed = call(service, operator, "PATCH", path, {"expires_at": None, "quota": 1})
    assert (changed["expires_at"], changed["quota"], changed["disabled"]) == (None, 1, False)
    assert call(service, operator, "GET", path) == (200, changed)
    assert changed in call(service, operator, "GET", "tenants?limit=1000")[1]["tenants"]
    assert call(service, operator, "DELETE", path) == (204, None)
    assert call(service, operator, "GET", path)[0] == 404


def test_a_tenant_with_registrations_is_not_deleted(service: Service, operator: str) -> None:
    register(service.url, new_tenant(service, operator, "busy"))
    status, error = call(service, operator, "DELETE", "tenants/busy")
    assert (status, error["error"]) == (409, "tenant_in_use")


def test_the_quota_and_the_switch_hold_at_once(service: Service, operator: str) -> None:
    licence = new_tenant(service, operator, "limited", quota=1)
    register(service.url, licence)
    path = f"/k/{licence}/register"
    assert request(service.url, "POST", path).json == {"error": "quota_exceeded"}
    call(service, operator, "PATCH", "tenants/limited", {"quota": 2})
    assert request(service.url, "POST", path).status == 201
    call(service, operator, "PATCH", "tenants/limited", {"disabled": True})
    assert call(service, licence, "GET", "registrations")[1]["error"] == "forbidden"
    call(service, operator, "PATCH", "tenants/limited", {"disabled": False, "expires_at": 1})
    status, error = call(service, licence, "GET", "registrations")
    assert (status, error["error"]) == (403, "licence_expired")


def test_a_licence_key_is_shown_once_listed_and_revoked(service: Service, operator: str) -> None:
    licence = new_tenant(service, operator, "keyed")
    status, made = call(service, operator, "POST", "keys", {"tenant": "keyed", "note": "new"})
    assert status == 201
    listed = call(service, operator, "GET", "keys?tenant=keyed")[1]["keys"]
    assert {one["note"] for one in listed} == {"", "new"}
    assert set(listed[0]) == {"id", "tenant", "note", "created_at"}
    assert call(service, operator, "DELETE", f"keys/{licence[3:11]}") == (204, None)
    assert call(service, licence, "GET", "registrations")[0] == 401
    assert call(service, made["key"], "GET", "registrations")[0] == 200
    assert call(service, operator, "DELETE", f"keys/{licence[3:11]}")[0] == 404
    status, error = call(service, operator, "POST", "keys", {"tenant": "nobody"})
    assert (status, error["error"]) == (404, "not_found")


def test_operators_keys_are_neither_made_nor_revoked_here(service: Service, operator: str) -> None:
    keys = call(service, operator, "GET", "keys?limit=1000")[1]["keys"]
    assert operator[3:11] in [one["id"] for one in keys if one["tenant"] is None]
    status, error = call(service, operator, "DELETE", f"keys/{operator[3:11]}")
    assert (status, error["error"]) == (403, "operators_key")
    assert call(service, operator, "POST", "keys", {"tenant": None})[0] == 400
    assert call(service, operator, "GET", "tenants")[0] == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "tenants"),
        ("POST", "tenants"),
        ("GET", "tenants/acme"),
        ("PATCH", "tenants/acme"),
        ("DELETE", "tenants/acme"),
        ("GET", "keys"),
        ("POST", "keys"),
        ("DELETE", "keys/00000000"),
        ("GET", "registrations?tenant=busy"),
    ],
)
def test_a_tenants_key_does_not_reach_what_is_the_operators(
    service: Service, tenant: str, method: str, path: str
) -> None:
    status, error = call(service, tenant, method, path)
    assert (status, error["error"]) == (403, "operator_key_needed")


# --- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["registrations", "tenants", "keys", f"registrations/{NOWHERE}"])
def test_without_a_right_key_everything_is_forbidden(
    service: Service, tenant: str, path: str
) -> None:
    for key in ("", "x", tenant[:-4] + "AAAA"):
        reply = send(service, key, "GET", path)
        assert (reply.status, reply.json["error"]) == (401, "forbidden")
        assert reply.headers["WWW-Authenticate"].startswith("Bearer ")


def test_basic_authorization_works_too(service: Service, tenant: str) -> None:
    token = base64.b64encode(f"u:{tenant}".encode()).decode()
    headers = {"Authorization": f"Basic {token}"}
    assert request(service.url, "GET", "/api/v1/registrations", None, headers).status == 200


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "limit=", "limt=5", "tenant=acme"]
)
def test_a_wrong_query_is_told(service: Service, operator: str, query: str) -> None:
    status, error = call(service, operator, "GET", f"tenants?{query}")
    assert (status, error["error"]) == (400, "invalid_query")
    assert query.partition("=")[0] in error["message"]


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {"name": "Big"},
        {"name": "a b"},
        {},
        {"name": "x", "quota": -1},
        {"name": "x", "quota": "5"},
        {"name": "x", "expires_at": 10**18},
        {"name": "x", "other": 1},
        {"name": "\ud800"},
    ],
)
def test_a_wrong_body_is_told(service: Service, operator: str, content: object) -> None:
    status, error = call(service, operator, "POST", "tenants", content)
    assert (status, error["error"]) == (400, "malformed_json_payload")
    assert error["message"].isprintable()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"name": "Big"}', "'name' is not valid: use up to 63 of a-z, 0-9, "),
        (b'{"name": "x", "quota": 5.5}', "'quota' must be a whole number, not a fraction"),
        (b"", "the body is empty: it must be JSON"),
        (b" \n", "the body is empty: it must be JSON"),
    ],
)
def test_a_wrong_body_is_told_in_words_for_people(
    service: Service, operator: str, body: bytes, said: str
) -> None:
    headers = {"Authorization": f"Bearer {operator}"}
    reply = request(service.url, "POST", "/api/v1/tenants", body, headers)
    assert reply.status == 400
    begin = "" if said.startswith("the body") else "the body is not the expected JSON: "
    assert reply.json["message"].startswith(f"{begin}{said}")


def test_a_month_that_is_none_is_told_without_a_pattern(service: Service, operator: str) -> None:
    status, error = call(service, operator, "GET", "usage?month=x")
    assert (status, error["error"]) == (400, "invalid_query")
    assert "'month' is not valid: write it as 2027-02 (UTC)" in error["message"]


def test_unknown_paths_and_methods_are_told_as_all_errors_are(
    service: Service, operator: str
) -> None:
    status, error = call(service, operator, "GET", "nothing")
    assert (status, error["error"]) == (404, "not_found")
    assert error["message"]
    reply = send(service, operator, "PUT", "tenants")
    assert (reply.status, reply.json["error"]) == (405, "method_not_allowed")
    assert set(reply.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
    assert send(service, operator, "PATCH", "tenants/x", "y" * 20_000).status == 413


def test_a_tenant_may_be_named_as_an_endpoint_is(service: Service, operator: str) -> None:
    for name in ("health", "update", "register"):
        new_tenant(service, operator, name)
        assert call(service, operator, "GET", f"tenants/{name}")[1]["name"] == name


def test_the_log_tells_refusals_and_no_keys(tmp_path: Path) -> None:
    with Service(write_config(tmp_path)) as service:
        operator = challenge_command(service.config, "key", "create", "--operator").stdout.strip()
        tenant = new_tenant(service, operator, "acme")
        send(service, tenant, "GET", "tenants")
        service.wait_for_line("GET /api/v1/tenants: this needs the operator's key")
        send(service, operator, "GET", "tenants/%0Aforged%1B[2J")
        service.wait_for_line(r"refused .*: GET /api/v1/tenants/\\nforged\\x1b\[2J: ")
        assert not any(key[12:] in line for key in (operator, tenant) for line in service.lines)
        assert not any("Traceback" in line for line in service.lines)
