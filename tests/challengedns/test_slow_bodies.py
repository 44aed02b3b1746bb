"""What a caller may do is judged when it is done, not when the caller came: bodies can be slow."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator

import pytest

from tests.support.challenge_service import (
    Account,
    Service,
    challenge_command,
    everywhere,
    register,
    request,
    txt,
    write_config,
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    with Service(write_config(folder, open_registration=False)) as running:
        challenge_command(running.config, "tenant", "create", "other")
        yield running


def new_key(service: Service, *owner: str) -> str:
    done = challenge_command(service.config, "key", "create", *owner, "--json")
    assert done.status == 0, done.stderr
    key: str = json.loads(done.stdout)["key"]
    return key


@pytest.fixture
def key(service: Service) -> str:
    challenge_command(service.config, "tenant", "create", "acme")
    return new_key(service, "acme")


@pytest.fixture
def account(service: Service, key: str) -> Account:
    return register(service.url, key)


class SlowRequest:
    """A request that was let in, whose body is still to come."""

    def __init__(
        self, service: Service, method: str, path: str, content: object, headers: dict[str, str]
    ) -> None:
        host, _, port = service.url.removeprefix("http://").partition(":")
        self._body = json.dumps(content).encode()
        self._connection = socket.create_connection((host, int(port)), timeout=10)
        known = {"Host": host, "Content-Length": str(len(self._body)), "Connection": "close"}
        lines = [f"{name}: {value}" for name, value in {**known, **headers}.items()]
        head = "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "Expect: 100-continue", "", ""])
        self._connection.sendall(head.encode())
        self._answer = self._connection.makefile("rb")
        # The service asks for the body only from whom it has let in.
        assert self._answer.readline().startswith(b"HTTP/1.1 100 ")
        assert self._answer.readline() == b"\r\n"

    def finish(self) -> int:
        """Send the body and return the status of the answer."""
        with contextlib.closing(self._connection), self._answer:
            self._connection.sendall(self._body)
            return int(self._answer.readline().split()[1])


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def note_of(service: Service, account: Account) -> str:
    done = challenge_command(service.config, "registration", "show", account.subdomain, "--json")
    note: str = json.loads(done.stdout)["note"]
    return note


def revoke(service: Service, key: str) -> None:
    assert challenge_command(service.config, "key", "revoke", key[3:11], "--yes").status == 0


def test_what_went_to_another_tenant_is_not_changed_by_the_one_before(
    service: Service, key: str, account: Account
) -> None:
    path = f"/api/v1/registrations/{account.subdomain}"
    slow = SlowRequest(service, "PATCH", path, {"note": "mine"}, bearer(key))
    moved = challenge_command(
        service.config, "registration", "assign", account.subdomain, "--tenant=other"
    )
    assert moved.status == 0, moved.stderr
    assert slow.finish() == 404
    assert note_of(service, account) == ""


def test_a_key_that_is_revoked_meanwhile_changes_nothing(
    service: Service, key: str, account: Account
) -> None:
    path = f"/api/v1/registrations/{account.subdomain}"
    slow = SlowRequest(service, "PATCH", path, {"note": "mine"}, bearer(key))
    revoke(service, key)
    assert slow.finish() == 401
    assert note_of(service, account) == ""


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("POST", "tenants", {"name": "new"}),
        ("PATCH", "tenants/other", {"quota": 1}),
        ("POST", "keys", {"tenant": "other"}),
    ],
)
def test_an_operators_key_that_is_revoked_meanwhile_changes_nothing(
    service: Service, method: str, path: str, content: object
) -> None:
    def state() -> list[str]:
        listed = [("tenant", "list"), ("key", "list")]
        return [challenge_command(service.config, *words, "--json").stdout for words in listed]

    before = state()
    key = new_key(service, "--operator")
    slow = SlowRequest(service, method, f"/api/v1/{path}", content, bearer(key))
    revoke(service, key)
    assert slow.finish() == 401
    assert state() == before


def test_a_licence_key_that_is_revoked_meanwhile_registers_nothing(
    service: Service, key: str
) -> None:
    slow = SlowRequest(service, "POST", "/register", {"subject": "late"}, bearer(key))
    revoke(service, key)
    assert slow.finish() == 401
    assert "late" not in challenge_command(service.config, "registration", "list").stdout


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_key_in_the_path_that_is_revoked_meanwhile_publishes_and_withdraws_nothing(
    service: Service, key: str, account: Account, method: str
) -> None:
    content = {"subdomain": account.subdomain, "txt": txt("a")}
    if method == "DELETE":
        request(service.url, "POST", "/update", json.dumps(content), account.headers)
    before = everywhere(service, account.fulldomain)
    slow = SlowRequest(service, method, f"/k/{key}/update", content, account.headers)
    revoke(service, key)
    assert slow.finish() == 401
    assert everywhere(service, account.fulldomain) == before
