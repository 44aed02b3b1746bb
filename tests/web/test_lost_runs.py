"""What is told of runs whose server is gone, and of what they left in the DNS."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Route, expect

from tests.support.command import run_zoneproof
from tests.support.web_pages import WebPages
from tests.web.conftest import Watch
from tests.web.visiting import become_administrator

SLOW = """#!/bin/sh
while [ ! -e {end} ]; do sleep 0.2; done
"""


def zoneproof(home: Path, *arguments: str) -> str:
    """Run a command; not in this process, where the browser runs an event loop."""
    return run_zoneproof(*arguments, environment={"ZONEPROOF_HOME": str(home)}).stdout


def add_script(home: Path, script: Path, text: str) -> None:
    script.write_text(text)
    script.chmod(0o755)
    fields = (f"--field=create={script}", f"--field=delete={script}")
    zoneproof(home, "credential", "add", "script", "--name=own", *fields)


def test_a_run_whose_server_was_started_again_is_not_called_running(
    watch: Watch, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    add_script(home, tmp_path / "slow", SLOW.format(end=tmp_path / "end"))
    with WebPages(home) as pages:
        watched = watch(pages.url)
        page = watched.page
        become_administrator(page, pages.link)
        page.goto("/credentials/own")
        page.get_by_label("Zone", exact=True).fill("example.com")
        with page.expect_response(lambda answer: "/events?" in answer.url):
            page.get_by_role("button", name="Test", exact=True).click()
        expect(page.locator("#run-status")).to_have_text("running")
        lost = page.get_by_text("The connection to the server is lost")
        expect(lost).to_be_hidden()
        pages.server.stop(signal.SIGKILL)
        expect(lost).to_be_visible()
    with WebPages(home, f"--listen={urlsplit(pages.url).netloc}"):
        expect(page.locator("#panel")).to_contain_text("The server does not know this run any more")
        expect(page.locator("#run-status")).to_have_text("unknown")
        expect(lost).to_be_hidden()
    (tmp_path / "end").touch()
    assert all("htmx:sse:error" in one for one in watched.complaints)
    watched.complaints.clear()


def test_a_page_of_a_run_says_that_the_session_has_ended(watch: Watch, tmp_path: Path) -> None:
    home = tmp_path / "home"
    add_script(home, tmp_path / "slow", SLOW.format(end=tmp_path / "end"))
    with WebPages(home) as pages:
        watched = watch(pages.url)
        page = watched.page
        become_administrator(page, pages.link)
        page.goto("/credentials/own")
        page.get_by_label("Zone", exact=True).fill("example.com")
        with page.expect_response(lambda answer: "/events?" in answer.url):
            page.get_by_role("button", name="Test", exact=True).click()
        cookies = {one["name"]: one["value"] for one in page.context.cookies()}
        page.context.clear_cookies()
        pages.server.stop(signal.SIGKILL)
    with WebPages(home, f"--listen={urlsplit(pages.url).netloc}"):
        ended = page.get_by_text("Your session has ended")
        expect(ended).to_be_visible()
        watched.use_cookies(cookies)  # as somebody who signs in again
        expect(page.locator("#run-status")).to_have_text("unknown")
        expect(ended).to_be_hidden()
    (tmp_path / "end").touch()
    assert all("htmx:sse:error" in one for one in watched.complaints)
    watched.complaints.clear()


@pytest.mark.parametrize("gone", ["network", "server behind a proxy"])
def test_a_run_whose_events_did_not_come_at_first_is_seen_to_its_end(
    watch: Watch, tmp_path: Path, gone: str
) -> None:
    home, tried = tmp_path / "home", []
    add_script(home, tmp_path / "slow", f"{SLOW.format(end=tmp_path / 'end')}exit 1\n")
    with WebPages(home) as pages:
        watched = watch(pages.url)
        page = watched.page

        def fail_once(route: Route) -> None:
            tried.append(route.request.url)
            if len(tried) > 1:
                route.continue_()
            elif gone == "network":
                route.abort()
            else:
                route.fulfill(status=502, body="<h1>Bad gateway</h1>", content_type="text/html")

        become_administrator(page, pages.link)
        page.goto("/credentials/own")
        page.get_by_label("Zone", exact=True).fill("example.com")
        page.route(lambda url: "/events?" in url, fail_once)
        page.get_by_role("button", name="Test", exact=True).click()
        lost = page.get_by_text("The connection to the server is lost")
        expect(lost).to_be_visible()
        expect(page.locator("#panel")).to_contain_text("Asking the DNS and the CA")
        expect(lost).to_be_hidden()
        (tmp_path / "end").touch()
        expect(page.locator("#run-status")).to_have_text("failed")
        assert len(tried) == 2
    assert all("htmx:error" in one for one in watched.complaints)
    watched.complaints.clear()


def test_an_open_page_learns_where_the_result_is(tmp_path: Path) -> None:
    with WebPages(tmp_path / "home") as pages:
        alice = pages.administrator()
        told = alice.get("/runs/gone/events?after=3&of=a.example").text
        assert 'data: <div class="alert warn"' in told
        assert '<a href="/certificates/a.example/history">The history of a.example</a>' in told
        assert told.endswith("event: over\ndata: over\n\n")


def test_what_could_not_be_removed_is_on_the_overview(tmp_path: Path) -> None:
    home = tmp_path / "home"
    fails = f"#!/bin/sh\ntest -e {tmp_path / 'ok'} || {{ echo no luck >&2; exit 1; }}\n"
    add_script(home, tmp_path / "script", fails.replace("test -e", 'test "$1" = create || test -e'))
    zoneproof(home, "credential", "test", "own", "--zone=example.com")
    (left,) = json.loads(zoneproof(home, "leftover", "list", "--json"))
    with WebPages(home) as pages:
        alice = pages.administrator()
        text = alice.get("/").text
        assert "What could not be removed" in text
        assert left["value"] in text
        assert left["error"] in text
        (tmp_path / "ok").touch()
        zoneproof(home, "leftover", "retry")
        assert "What could not be removed" not in alice.get("/").text
