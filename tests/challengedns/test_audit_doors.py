"""Whichever way the service is changed, the audit log says who did it; and what it leaves out."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.challenge_service import (
    Service,
    challenge_command,
    register,
    request,
    txt,
    update,
    write_config,
)
from tests.support.nodes import wait_until
from tests.support.service_pages import ServicePages, prepare
from zoneproof.cli.person import person


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServicePages]:
    config = write_config(tmp_path_factory.mktemp("service"))
    with Service(config) as service:
        yield ServicePages(service, *prepare(config, "team", "other"))


def audit(pages: ServicePages, *options: str) -> Any:
    done = challenge_command(pages.service.config, "audit", "--json", *options)
    assert done.status == 0, done.stderr
    return json.loads(done.stdout)


def latest(pages: ServicePages) -> tuple[str, str, str, str]:
    (entry,) = audit(pages, "--limit=1")["entries"]
    return entry["who"], entry["address"], entry["action"], entry["tenant"]


def latest_result(pages: ServicePages) -> str:
    return str(audit(pages, "--search=reload", "--limit=1")["entries"][0]["result"])


def rest(pages: ServicePages, key: str, method: str, path: str, body: Any = None) -> Any:
    return request(
        pages.url,
        method,
        f"/api/v1/{path}",
        None if body is None else json.dumps(body),
        headers={"Authorization": f"Bearer {key}"},
    )


def key_id(key: str) -> str:
    return key.split("_")[1]


def test_the_command_line_is_named_with_the_systems_user(pages: ServicePages) -> None:
    done = challenge_command(pages.service.config, "tenant", "change", "other", "--quota=3")
    assert done.status == 0
    assert latest(pages) == (person(), "", "tenant change", "other")


def test_a_key_of_the_rest_api_is_named_by_its_id(pages: ServicePages) -> None:
    operator, team = pages.operator_key, pages.keys["team"]
    assert rest(pages, operator, "PATCH", "tenants/other", {"quota": 4}).status == 200
    who = f"operator, key {key_id(operator)}"
    assert latest(pages) == (who, "127.0.0.1", "tenant change", "other")
    account = register(pages.url, team)
    path = f"registrations/{account.subdomain}"
    assert rest(pages, team, "POST", f"{path}/rotate").status == 200
    who = f"team, key {key_id(team)}"
    assert latest(pages) == (who, "127.0.0.1", "registration rotate", "team")
    assert rest(pages, team, "DELETE", path).status == 204
    assert latest(pages) == (who, "127.0.0.1", "registration delete", "team")
    made = rest(pages, operator, "POST", "keys", {"tenant": "team"}).json
    assert rest(pages, operator, "DELETE", f"keys/{made['id']}").status == 204
    assert latest(pages)[2:] == ("key revoke", "team")
    assert made["key"] not in json.dumps(audit(pages))


def test_a_session_of_the_pages_is_named_by_its_key(pages: ServicePages) -> None:
    tenant = pages.tenant()
    who = f"team, session of key {key_id(pages.keys['team'])}"
    assert latest(pages) == (who, "127.0.0.1", "sign in", "team")
    assert tenant.submit("/portal/new", domain="www.example.com").status == 200
    assert latest(pages) == (who, "127.0.0.1", "registration create", "team")
    tenant.post("/portal/sign-out")
    assert latest(pages) == (who, "127.0.0.1", "sign out", "team")
    operator = pages.operator()
    who = f"operator, session of key {key_id(pages.operator_key)}"
    operator.post("/admin/live", minutes="5")
    assert latest(pages) == (who, "127.0.0.1", "live view on for 5 minutes", "")
    operator.post("/admin/tenants/other/disable")
    assert latest(pages) == (who, "127.0.0.1", "tenant disable", "other")
    operator.post("/admin/tenants/other/enable")


def test_what_clients_do_all_the_time_is_not_there(pages: ServicePages) -> None:
    before = audit(pages)
    account = register(pages.url, pages.keys["team"])
    assert update(pages.url, account, txt("a")).status == 200
    assert update(pages.url, account, "wrong").status == 400
    assert rest(pages, pages.keys["team"], "GET", "registrations").status == 200
    assert rest(pages, "wrong", "GET", "registrations").status == 401
    assert audit(pages) == before


def test_a_reload_is_there_and_so_is_one_that_failed(pages: ServicePages) -> None:
    service, config = pages.service, pages.service.config
    service.process.send_signal(signal.SIGHUP)
    service.wait_for_line("configuration reloaded")  # which is written after the entry
    assert latest(pages) == ("service", "", "configuration reload", "")
    text = config.read_text()
    config.write_text(f"{text}\nnonsense = 1\n")
    service.process.send_signal(signal.SIGHUP)
    service.wait_for_line("configuration not reloaded")
    config.write_text(text)
    wait_until(lambda: latest_result(pages) != "ok", "the entry of the reload that failed")
    assert "nonsense" in latest_result(pages)


def test_pages_follow_each_other_on_the_command_line_and_by_rest(pages: ServicePages) -> None:
    everything = audit(pages)["entries"]
    assert len(everything) > 5
    walked, options = [], ["--limit=2"]
    while True:
        page = audit(pages, *options)
        walked += page["entries"]
        if page["next"] is None:
            break
        options = ["--limit=2", f"--before={page['next']}"]
    assert walked == everything
    by_rest, after = [], ""
    while after is not None:
        page = rest(pages, pages.operator_key, "GET", f"audit?limit=3&after={after}").json
        by_rest += page["entries"]
        after = page["next"]
    assert by_rest == everything
    done = challenge_command(pages.service.config, "audit", "--limit=1")
    assert done.stdout.startswith(f"{everything[0]['number']}  ")
    assert f"--before {everything[0]['number']}" in done.stderr
    done = challenge_command(pages.service.config, "audit", "--search=there is no such thing")
    assert (done.status, done.stdout) == (0, "no entries\n")
    done = challenge_command(pages.service.config, "audit", "--tenant=nobody")
    assert (done.status, done.stdout) == (2, "")
    assert "there is no tenant 'nobody'" in done.stderr


def test_a_tenants_key_gets_what_concerns_it(pages: ServicePages) -> None:
    team = pages.keys["team"]
    entries = rest(pages, team, "GET", "audit?limit=1000").json["entries"]
    assert {one["tenant"] for one in entries} == {"team"}
    assert any(one["who"] == "operator" for one in entries)
    assert not [one for one in entries if person() in one["who"] or "operator," in one["who"]]
    assert rest(pages, team, "GET", "audit?tenant=team").status == 200
    assert rest(pages, team, "GET", "audit?tenant=other").status == 403
    assert rest(pages, pages.operator_key, "GET", "audit?after=x").status == 400
    found = rest(pages, pages.operator_key, "GET", "audit?tenant=other&text=QUOTA").json
    assert {one["tenant"] for one in found["entries"]} == {"other"}


def test_attempts_to_sign_in_are_there_without_the_key_and_only_so_many(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    with Service(config) as service:
        pages = ServicePages(service, *prepare(config, "team"))
        team = pages.keys["team"]
        wrong = f"{team[:-1]}{'A' if team[-1] != 'A' else 'B'}"
        for attempt in range(20):
            key = wrong if attempt else "my secret passphrase"
            assert pages.stranger().post("/portal/sign-in", key=key).status == 401
        entries = audit(pages, "--search=stranger")["entries"]
        assert len(entries) == 5
        assert {one["address"] for one in entries} == {"127.0.0.1"}
        assert entries[-1]["result"] == "the licence key is malformed"
        assert entries[0]["tenant"] == "team"
        assert key_id(team) in entries[0]["result"]
        assert wrong not in json.dumps(entries)
        assert "passphrase" not in json.dumps(entries)
        assert pages.tenant().get("/portal/audit").text.count("stranger") == 4
