"""The REST API: what it does, who may, and that it is as its description says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.described_api import assert_as_described
from tests.support.web_pages import Answer, Client, WebPages
from tests.support.world import World
from tests.web.conftest import prepare

ROOT = "/api/v1"


@pytest.fixture(scope="module")
def home(servers: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    world = servers.at(tmp_path_factory.mktemp("api"))
    prepare(world)
    return world


@pytest.fixture(scope="module")
def pages(home: World) -> Iterator[WebPages]:
    with WebPages(home.home) as running:
        yield running
        assert not [line for line in running.server.lines if "Traceback" in line]


@pytest.fixture(scope="module")
def administrator(pages: WebPages) -> Client:
    return pages.administrator()


def token(pages: WebPages, administrator: Client, name: str, role: str) -> Client:
    page = administrator.submit("/tokens", name=name, role=role, days="30").text
    match = re.search(r"zp_[\w-]+", page)
    assert match
    return Client(pages.url, headers={"Authorization": f"Bearer {match[0]}"})


@pytest.fixture(scope="module")
def programs(pages: WebPages, administrator: Client) -> dict[str, Client]:
    return {
        role: token(pages, administrator, f"of-{role}", role)
        for role in ("viewer", "operator", "administrator")
    }


def send(client: Client, method: str, path: str, body: object = None) -> Answer:
    data = b"" if body is None else json.dumps(body).encode()
    answer = client.send(method, f"{ROOT}{path}", data, {"Content-Type": "application/json"})
    assert not re.search(r"\d[+-]\d\d:\d\d\b", answer.text), "times end in Z"
    return answer


def follow(client: Client, run: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the events of a run, and what came of it."""
    answer = client.get(f"{ROOT}/runs/{run}/events")
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    *events, last = answer.text.strip().split("\n\n")
    told = [json.loads(re.sub(r"(?s)^.*?data: ", "", one)) for one in events if "data" in one]
    return told, json.loads(last.partition("data: ")[2])


def test_a_certificate_from_its_definition_to_its_removal(programs: dict[str, Client]) -> None:
    administrator, viewer = programs["administrator"], programs["viewer"]
    definition = {
        "name": "api.example.com",
        "identifiers": ["api.example.com"],
        "method": [{"credential": "dns"}],
    }
    found = send(administrator, "POST", "/preview", definition)
    assert found.status == 200
    assert found.json["would_fail"] is False
    assert send(viewer, "GET", "/certificates").json == []
    assert send(administrator, "POST", "/certificates", definition).status == 201
    assert send(administrator, "POST", "/certificates", definition).status == 400
    (listed,) = send(viewer, "GET", "/certificates?attention=true").json
    assert (listed["name"], listed["status"]) == ("api.example.com", "missing")
    assert send(viewer, "GET", "/certificates/api.example.com/pem").status == 404
    unissued = send(administrator, "POST", "/certificates/api.example.com/revoke", {})
    assert (unissued.status, unissued.json["error"]) == (400, "invalid_input")
    stranger = {**definition, "name": "other", "key_group": "no-such-group"}
    assert send(administrator, "POST", "/certificates", stranger).status == 400
    site = {"task": "copy", "fields": {"fullchain": "/srv/site.pem", "key": "/srv/site.pem"}}
    twice = send(administrator, "POST", "/certificates", {**definition, "deploy": [site]})
    assert twice.status == 400
    changed = send(
        administrator, "PUT", "/certificates/api.example.com", {**definition, "deploy": [site]}
    )
    assert (changed.status, "give each a path of its own" in changed.text) == (400, True)
    answer = send(programs["operator"], "POST", "/certificates/api.example.com/issue")
    assert answer.status == 202
    events, outcome = follow(viewer, answer.json["id"])
    assert outcome["state"] == "done", outcome
    assert [one["number"] for one in events] == sorted(one["number"] for one in events)
    assert {"order_created", "certificate_issued"} <= {one["event"] for one in events}
    shown = send(viewer, "GET", "/certificates/api.example.com").json
    assert shown["status"] == "valid"
    pem = send(viewer, "GET", "/certificates/api.example.com/pem").json
    assert pem["fullchain"].startswith(pem["cert"])
    key = send(administrator, "GET", "/certificates/api.example.com/key").json
    assert "PRIVATE KEY" in key["privkey"]
    changed = send(
        administrator, "PUT", "/certificates/api.example.com", {**definition, "renew": False}
    )
    assert changed.json["renew"] is False
    revoked = send(administrator, "POST", "/certificates/api.example.com/revoke", {})
    assert revoked.status == 204, revoked.text
    history = send(viewer, "GET", "/certificates/api.example.com/history").json
    assert [one["kind"] for one in history] == ["issued", "revoked"]
    removed = send(administrator, "DELETE", "/certificates/api.example.com?delete_files=true")
    assert removed.status == 204
    assert send(viewer, "GET", "/certificates/api.example.com").status == 404
    audit = send(administrator, "GET", "/audit?q=of-administrator").json
    assert {"download key", "revoke", "remove with files"} <= {one["action"] for one in audit}


def test_a_definition_without_a_name_is_called_as_in_a_file(programs: dict[str, Client]) -> None:
    administrator = programs["administrator"]
    definition = {"identifiers": ["*.named.example.com"], "method": [{"credential": "dns"}]}
    found = send(administrator, "POST", "/preview", definition)
    assert (found.status, found.json["certificate"]) == (200, "named.example.com"), found.text
    added = send(administrator, "POST", "/certificates", definition)
    assert (added.status, added.json["name"]) == (201, "named.example.com")
    one = "/certificates/named.example.com"
    changed = send(administrator, "PUT", one, {**definition, "renew": False})
    assert (changed.status, changed.json["name"]) == (200, "named.example.com")
    nameless = send(administrator, "POST", "/certificates", {"identifiers": []})
    assert (nameless.status, nameless.json["error"]) == (400, "invalid_input")
    assert send(administrator, "DELETE", one).status == 204


def test_only_a_body_without_a_required_field_may_be_left_out(programs: dict[str, Client]) -> None:
    administrator = programs["administrator"]
    definition = {"identifiers": ["bare.example.com"], "method": [{"credential": "dns"}]}
    assert send(administrator, "POST", "/certificates", definition).status == 201
    one = "/certificates/bare.example.com"
    revoked = send(administrator, "POST", f"{one}/revoke")
    assert (revoked.status, revoked.json["error"]) == (400, "invalid_input")  # nothing to revoke
    assert send(administrator, "DELETE", one).status == 204
    tested = send(administrator, "POST", "/credentials/dns/test")
    assert tested.status == 202, tested.text
    follow(administrator, tested.json["id"])
    missing = send(administrator, "POST", "/certificates")
    assert (missing.status, missing.json["message"]) == (
        400,
        "the body is empty: it must be JSON",
    )


def test_a_status_that_there_is_not_is_refused(programs: dict[str, Client]) -> None:
    answer = send(programs["viewer"], "GET", "/certificates?status=expird")
    assert (answer.status, answer.json["error"]) == (400, "invalid_query")
    assert "which is not one of awaiting user, damaged, due" in answer.json["message"]
    assert send(programs["viewer"], "GET", "/certificates?status=expired").json == []


def test_a_credential_is_tested_and_never_shown(programs: dict[str, Client]) -> None:
    (listed,) = send(programs["viewer"], "GET", "/credentials").json
    assert listed["name"] == "dns"
    assert "fields" not in listed
    answer = send(programs["operator"], "POST", "/credentials/dns/test", {"zone": "example.com"})
    _, outcome = follow(programs["viewer"], answer.json["id"])
    assert outcome["state"] == "done"


def test_a_token_may_what_its_role_may_and_no_more(programs: dict[str, Client]) -> None:
    assert send(programs["viewer"], "POST", "/certificates/a.example/issue").status == 403
    assert send(programs["operator"], "GET", "/certificates/a.example/key").status == 403
    definition = {"name": "a.example", "identifiers": ["a.example"]}
    assert send(programs["operator"], "POST", "/preview", definition).status == 403
    assert send(programs["operator"], "DELETE", "/certificates/a.example").status == 403
    assert send(programs["operator"], "POST", "/certificates/a.example/issue").status == 404


def test_a_run_that_is_not_here_is_not_found(
    programs: dict[str, Client], administrator: Client
) -> None:
    for path in ("/runs/gone", "/runs/gone/events"):
        answer = send(programs["viewer"], "GET", path)
        assert (answer.status, answer.json["error"]) == (404, "not_found")
    shown = administrator.get("/runs/gone")
    assert (shown.status, "the certificate&#39;s history" in shown.text) == (404, True)


def test_no_token_a_wrong_one_and_a_removed_one_are_refused(
    pages: WebPages, administrator: Client
) -> None:
    gone = token(pages, administrator, "gone", "viewer")
    assert send(gone, "GET", "/accounts").status == 200
    page = administrator.get("/users").text
    keys = re.findall(r"/tokens/([\w-]+)/remove", page)
    names = re.findall(r"<b>([\w-]+)</b></td><td data-label=\"Role\">", page)
    assert administrator.post(f"/tokens/{keys[names.index('gone')]}/remove").status == 303
    wrong = Client(pages.url, headers={"Authorization": "Bearer zp_wrong"})
    for client in (gone, wrong, pages.stranger()):
        answer = send(client, "GET", "/accounts")
        assert answer.status == 401
        assert answer.json["error"] == "unauthorized"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_session_works_for_the_servers_own_pages_only(administrator: Client) -> None:
    assert send(administrator, "GET", "/accounts").status == 200
    asked = administrator.get(f"{ROOT}/accounts", {"Sec-Fetch-Site": "cross-site"})
    assert asked.status == 401
    refused = send(administrator, "DELETE", "/certificates/a.example")
    assert refused.status == 403
    assert refused.json["error"] == "cross_origin"


def test_the_description_holds_every_call(pages: WebPages) -> None:
    document = pages.stranger().get(f"{ROOT}/openapi.json").json
    required = {
        path.rpartition("/")[2]: operation["requestBody"]["required"]
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method == "post" and "requestBody" in operation
    }
    assert required == {"certificates": True, "preview": True, "revoke": False, "test": False}
    operations = [
        operation["operationId"]
        for item in document["paths"].values()
        for operation in item.values()
    ]
    assert len(operations) == len(set(operations)) == 20
    assert all(
        operation["summary"].endswith(".")
        for item in document["paths"].values()
        for operation in item.values()
    )


def test_the_api_is_as_it_is_described(
    pages: WebPages, programs: dict[str, Client], tmp_path: Path
) -> None:
    key = programs["administrator"].headers["Authorization"]
    settings = f'[headers]\nAuthorization = "{key}"\n'
    assert_as_described(f"{pages.url}{ROOT}/openapi.json", settings, tmp_path)
