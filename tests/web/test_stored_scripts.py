"""Script in every field that somebody else fills: a CA, the DNS, a file, whoever signs in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser

from tests.support.browser import Watched, open_window
from tests.support.web_pages import Client, WebPages
from zoneproof.manager import (
    AccountTerms,
    CertificateDefinition,
    Credential,
    Home,
    MethodDefinition,
    open_manager,
)
from zoneproof.manager.accounts.store import new_account
from zoneproof.manager.certificates.deployment_state import NotDeployed
from zoneproof.manager.certificates.renewal_state import RenewalState
from zoneproof.manager.certificates.state import CertificateState
from zoneproof.manager.certificates.task_definition import TaskDefinition

SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}\u202e"
NAME = "a.example"


async def fill(home: Path) -> None:
    home.mkdir(parents=True)
    (home / "settings.toml").write_text(f"key_group = {msgspec.json.encode(SCRIPT).decode()}\n")
    async with open_manager(Home(home)) as manager:
        await manager.credentials.save(Credential("dns", "rfc2136", {"server": SCRIPT}))
        await manager.credentials.save(Credential("task", "webhook", {"url": SCRIPT}))
        account = new_account("ca", "https://ca.example/dir", AccountTerms(email="a@b.example"))
        await manager.accounts.add(account)
        await manager.accounts.set_contact(account, [f"mailto:{SCRIPT}"])
        await manager.accounts.confirm(account, f"https://ca.example/{SCRIPT}")
        await manager.certificates.save(
            CertificateDefinition(
                name=NAME,
                identifiers=(NAME, SCRIPT),
                method=(MethodDefinition(credential="dns", zone=SCRIPT),),
                profile=SCRIPT,
                preferred_chain=SCRIPT,
                account="ca",
                deploy=(TaskDefinition(task="command", name="web", fields={"command": SCRIPT}),),
            )
        )
        failed = NotDeployed(since=datetime.now(UTC), attempts=1, last_error=SCRIPT)
        renewal = RenewalState(
            failures=2, last_error=SCRIPT, explanation_url=f"javascript:{SCRIPT}"
        )
        await manager.certificates.change_state(
            NAME,
            CertificateState,
            lambda state: msgspec.structs.replace(
                state, renewal=renewal, not_deployed={"web": failed}
            ),
        )
        await manager.certificates.save(
            CertificateDefinition(
                name="b.example",
                identifiers=("b.example",),
                method=(MethodDefinition(provider="manual"),),
            )
        )
        await manager.states.set_awaiting("b.example", (f'{SCRIPT} 60 IN TXT "{SCRIPT}"', SCRIPT))
        await manager.history.add(NAME, "failed", SCRIPT)
        log = manager.logs.path(NAME)
        assert log
        log.parent.mkdir()
        log.write_text(f"2026-11-29T00:00:00  zoneproof 1 (process 1): {SCRIPT}\n2026  {SCRIPT}\n")
        await manager.people.audit.add(SCRIPT, SCRIPT, SCRIPT, address=SCRIPT, result=SCRIPT)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebPages]:
    home = tmp_path_factory.mktemp("home") / "home"
    with ThreadPoolExecutor(1) as thread:  # because the browser has an event loop in this one
        thread.submit(lambda: asyncio.run(fill(home))).result()
    with WebPages(home) as running:
        yield running


@pytest.fixture(scope="module")
def administrator(pages: WebPages) -> Client:
    stranger = pages.stranger()
    stranger.post("/sign-in", name=SCRIPT[:64], password=SCRIPT)
    stranger.headers["User-Agent"] = SCRIPT.encode("ascii", "ignore").decode()
    client = pages.administrator()
    client.headers = stranger.headers
    return client


PATHS = [
    "/",
    "/certificates",
    f"/certificates?q={NAME}",
    f"/certificates/{NAME}",
    f"/certificates/{NAME}/definition",
    f"/certificates/{NAME}/deployment",
    f"/certificates/{NAME}/task?task=web",
    f"/certificates/{NAME}/history",
    "/certificates/b.example",
    "/credentials",
    "/credentials/dns",
    "/credentials/task",
    "/accounts",
    "/accounts/one?name=ca",
    "/settings",
    "/audit",
    "/users",
    "/sign-in?to=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
    "/certificates?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&sort=%3Cscript%3E&status=%3Cscript%3E",
    "/audit?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
    "/certificates/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "/providers?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
    "/new-certificate?names=%3C/textarea%3E%3Cscript%3Ealert(1)%3C/script%3E&zone=%22%3E%3Cscript%3E",
    "/new-certificate?way=new&provider=rfc2136&field.server=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
]


@pytest.fixture(scope="module")
def window(browser: Browser, pages: WebPages, administrator: Client) -> Iterator[Watched]:
    with open_window(browser, pages.url) as opened:
        opened.use_cookies(administrator.cookies)
        yield opened


@pytest.mark.parametrize("path", PATHS)
def test_what_others_wrote_is_text(window: Watched, path: str) -> None:
    answer = window.page.goto(path)
    assert answer is not None
    assert answer.status == (404 if path.startswith("/certificates/%3C") else 200)
    body = answer.text()
    assert "<script>alert" not in body
    assert "<img src=x" not in body
    assert "{{7*7}}" in body or ">49<" not in body
    assert "\u202e" not in body  # which turns text around
    assert 'href="javascript:' not in body
    assert window.page.locator("img[onerror]").count() == 0
    assert window.complaints == []
