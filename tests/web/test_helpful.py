"""What failed leads to where it can be mended."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from msgspec.structs import replace

from tests.support.web_pages import Client, WebPages
from tests.support.world import World
from zoneproof.manager import CertificateSummary
from zoneproof.manager.certificates.deployment_state import NotDeployed
from zoneproof.manager.certificates.details import remark

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def run_to_its_end(client: Client, path: str, zone: str = "") -> str:
    """Begin what the form does, and return the page of its run once it is over."""
    run = client.post(path, zone=zone).headers["Location"]
    assert client.get(f"{run}/events?after=0").text.endswith("event: over\ndata: over\n\n")
    return client.get(run).text


def test_a_credential_that_does_not_work_is_a_step_away(world: World, pages: WebPages) -> None:
    world.good("add", "one.example.com", "--credential=dns")
    world.good("credential", "set", "dns", "--field=secret=d3Jvbmc=")
    alice = pages.administrator()
    link = '<a class="button" href="/credentials/dns">To the credential dns</a>'
    failed = run_to_its_end(alice, "/certificates/one.example.com/renew")
    assert ("the signature is wrong" in failed, link in failed) == (True, True)
    assert ("<th>Reached</th>" in failed, "<th>Now</th>" in failed) == (True, False)
    assert 'action="/certificates/one.example.com/resume"' in failed
    assert link in alice.get("/certificates/one.example.com").text

    tested = run_to_its_end(alice, "/credentials/dns/test", zone="example.com")
    assert link in tested
    assert "/certificates/dns" not in tested


def test_a_task_that_failed_is_a_step_away(world: World, pages: WebPages) -> None:
    world.good("add", "two.example.com", "--credential=dns")
    world.good("renew", "two.example.com")
    world.run("edit", "two.example.com", "--deploy-hook=/bin/false")  # which is tried at once
    alice = pages.administrator()
    link = '<a class="button" href="/certificates/two.example.com/deployment">To the tasks</a>'
    failed = run_to_its_end(alice, "/certificates/two.example.com/deploy")
    assert link in failed
    assert 'action="/certificates/two.example.com/deploy"' in failed
    assert link in alice.get("/certificates/two.example.com").text


def test_a_run_that_another_keeps_from_working_leads_to_that_one(
    world: World, pages: WebPages, tmp_path: Path
) -> None:
    began, end, script = (tmp_path / name for name in ("began", "end", "script"))
    os.mkfifo(began)
    script.write_text(f"#!/bin/sh\necho >{began}\nwhile [ ! -e {end} ]; do sleep 0.1; done\nexit 1")
    script.chmod(0o755)
    fields = (f"--field=create={script}", "--field=delete=/bin/true")
    world.good("credential", "add", "script", "--name=own", *fields, "--no-test")
    world.good("add", "three.example.com", "--credential=own")
    alice = pages.administrator()
    first = alice.post("/certificates/three.example.com/renew").headers["Location"]
    began.read_text()
    kept = run_to_its_end(alice, "/certificates/three.example.com/renew")
    end.touch()
    assert ("is working on three.example.com" in kept, f'href="{first}">Watch' in kept) == (
        True,
        True,
    )


def test_an_account_that_certificates_use_is_removed_where_that_is_meant(
    world: World, pages: WebPages
) -> None:
    world.good("add", "four.example.com", "--credential=dns")
    alice, name = pages.administrator(), world.pebble.directory_url
    asked = alice.get(f"/accounts/remove?{urlencode({'name': name})}").text
    assert ("Used by four.example.com." in asked, 'name="force"' in asked) == (True, True)
    assert alice.post("/accounts/remove", name=name).status == 400
    assert alice.post("/accounts/remove", name=name, force="yes").status == 303
    assert json.loads(world.good("account", "list", "--json")) == []


def test_a_remark_says_also_what_a_worse_status_hides() -> None:
    left = {"copy": NotDeployed(since=NOW), "web": NotDeployed(since=NOW, last_error="no reload")}
    one = CertificateSummary(name="a", status="not deployed", identifiers=(), not_deployed=left)
    text = "the task copy is not done yet; web: no reload"
    assert remark(one, NOW) == text
    assert remark(replace(one, status="failing", last_error="no luck"), NOW) == f"no luck; {text}"
