"""BIND, Knot and NSD as secondaries: what is acknowledged is answered by all of them."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import dns.rcode
import pytest

from tests.support.challenge_service import (
    Service,
    challenge_command,
    register,
    request,
    txt,
    update,
)
from tests.support.hidden_primary import HiddenPrimary
from tests.support.nodes import wait_until
from tests.support.secondaries import OTHER_SECRET, Secondary
from tests.support.service_pages import prepare
from tests.support.web_pages import Client

ALL = ("bind", "knot", "nsd")


def says_soon(secondary: Secondary, name: str, texts: list[str]) -> None:
    """Return once it answers so."""
    wait_until(lambda: secondary.says(name) == texts, f"{secondary.kind} does not say {texts}")


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HiddenPrimary]:
    folder = tmp_path_factory.mktemp("primary")
    with HiddenPrimary(folder, *ALL, zones=("auth.example.org", "example.com")) as running:
        yield running


def test_each_change_is_answered_by_all_at_once(primary: HiddenPrimary) -> None:
    url = primary.service.url
    account = register(url)
    assert update(url, account, txt("a")).status == 200
    expected = [txt("a")]
    whole = whole_transfers(primary)
    for letter in "bcdef":
        assert update(url, account, txt(letter)).status == 200
        expected.append(txt(letter))
        for secondary in primary.secondaries:
            assert secondary.says(account.fulldomain) == expected
    assert update(url, account, txt("b"), method="DELETE").status == 200
    for secondary in primary.secondaries:
        assert secondary.says(account.fulldomain) == [*expected[:1], *expected[2:]]
    for letter in "acdef":
        assert update(url, account, txt(letter), method="DELETE").status == 200
    for secondary in primary.secondaries:
        assert secondary.ask(account.fulldomain).rcode() == dns.rcode.NXDOMAIN
        assert primary.transfers(secondary)[1] >= 11
    assert whole_transfers(primary) == whole  # they got only differences


def test_the_operators_page_shows_how_far_each_is(primary: HiddenPrimary) -> None:
    operator_key, _ = prepare(primary.config)
    client = Client(primary.service.url)
    assert client.post("/admin/sign-in", key=operator_key).status == 303
    zones = sum(len(each.zones) for each in primary.secondaries)
    wait_until(
        lambda: client.get("/admin/nodes").text.count(">current<") == zones, "not all are current"
    )
    page = client.get("/admin/nodes").text
    for secondary in primary.secondaries:
        assert page.count(f"<b>{secondary.name}</b>") == len(secondary.zones)


def whole_transfers(primary: HiddenPrimary) -> list[str]:
    """Return what the log says of transfers of the whole zone with registrations."""
    return [line for line in primary.service.lines if "AXFR of auth.example.org" in line]


def answer_of(secondary: Secondary, name: str) -> object:
    """Return the CNAME that it answers with, or nothing."""
    return secondary.ask(name, "CNAME").answer


def test_they_answer_with_the_static_records_too(primary: HiddenPrimary) -> None:
    for secondary in primary.secondaries:
        assert secondary.says("www.auth.example.org") == ["statictext"]
        assert secondary.says("any.wild.auth.example.org") == ["from the wildcard"]
        # Nothing waits for a zone without registrations.
        wait_until(
            partial(answer_of, secondary, "alias.example.com"),
            f"{secondary.kind} has no example.com",
        )
        (rrset,) = secondary.ask("alias.example.com", "CNAME").answer
        assert str(rrset[0]) == "target.example.com."
        # A zone of the service below another one that it does not transfer is delegated.
        referral = secondary.ask("x.inner.deep.example.com", "A")
        assert [str(rrset.name) for rrset in referral.authority] == ["inner.deep.example.com."]


def test_what_commands_change_is_answered_too(primary: HiddenPrimary) -> None:
    account = register(primary.service.url)
    assert update(primary.service.url, account, txt("x")).status == 200
    done = challenge_command(primary.config, "registration", "disable", account.subdomain)
    assert done.status == 0, done.stderr
    for secondary in primary.secondaries:
        says_soon(secondary, account.fulldomain, [])


def test_what_expires_is_gone_from_them_too(primary: HiddenPrimary) -> None:
    account = register(primary.service.url)
    assert update(primary.service.url, account, txt("x")).status == 200
    with closing(sqlite3.connect(primary.config.with_name("challenge.db"))) as database:
        database.execute("UPDATE challenge_value SET expires_at = 1")
        database.commit()
    for secondary in primary.secondaries:
        assert secondary.says(account.fulldomain) in ([txt("x")], [])
        says_soon(secondary, account.fulldomain, [])


def test_many_values_at_once_need_few_transfers(primary: HiddenPrimary) -> None:
    url = primary.service.url
    accounts = [register(url) for _ in range(60)]
    before = {each.kind: sum(primary.transfers(each)) for each in primary.secondaries}

    def publish(index: int) -> int:
        return update(url, accounts[index % 60], txt("abcde"[index // 60])).status

    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(publish, range(300))) == {200}
    for secondary in primary.secondaries:
        assert sum(primary.transfers(secondary)) - before[secondary.kind] < 100
        for account in accounts:
            assert secondary.says(account.fulldomain) == [txt(letter) for letter in "abcde"]


def test_changed_records_arrive_after_a_reload(primary: HiddenPrimary) -> None:
    primary.write_config('fresh TXT "fresh"')
    primary.service.process.send_signal(signal.SIGHUP)
    for secondary in primary.secondaries:
        says_soon(secondary, "fresh.auth.example.org", ["fresh"])


def test_the_list_shows_how_far_they_are(primary: HiddenPrimary) -> None:
    account = register(primary.service.url)
    assert update(primary.service.url, account, txt("z")).status == 200

    def listed() -> list[tuple[str, str]]:
        done = challenge_command(primary.config, "secondary", "list")
        assert done.status == 0, done.stderr
        heading, *lines = done.stdout.splitlines()
        return [(line.split()[0], line[heading.index("STATUS") :]) for line in lines]

    # Nothing waits for a zone without registrations, nor for a secondary that is left out.
    expected = [(secondary.name, "current") for secondary in primary.secondaries for _ in range(2)]
    wait_until(lambda: listed() == expected, "not all are current")
    checked = challenge_command(primary.config, "serve", "--check")
    assert f"secondary {primary.secondaries[0].name} for auth.example.org" in checked.stdout


def test_a_command_waits_for_them_and_names_those_that_are_late(tmp_path: Path) -> None:
    with HiddenPrimary(tmp_path, "knot", "nsd", wait="1s") as primary:
        down, up = primary.secondaries
        account = register(primary.service.url)
        assert update(primary.service.url, account, txt("a")).status == 200
        assert challenge_command(primary.config, "key", "create", "--operator").stderr == ""
        command = ("registration", "disable", account.subdomain)
        assert challenge_command(primary.config, *command).stderr == ""
        for secondary in primary.secondaries:
            assert secondary.says(account.fulldomain) == []
        down.server.process.send_signal(signal.SIGSTOP)
        done = challenge_command(primary.config, "registration", "enable", account.subdomain)
        down.server.process.send_signal(signal.SIGCONT)
        assert done.status == 0
        assert done.stderr == (
            "zoneproof: the change is stored, but not yet answered by secondary"
            f" {down.name}: see 'zoneproof challenge secondary list'\n"
        )
        assert up.says(account.fulldomain) == [txt("a")]


@pytest.mark.parametrize("kind", ALL)
def test_after_a_restart_they_get_the_whole_and_continue_with_differences(
    kind: str, tmp_path: Path
) -> None:
    with HiddenPrimary(tmp_path, kind) as primary:
        (secondary,) = primary.secondaries
        account = register(primary.service.url)
        assert update(primary.service.url, account, txt("a")).status == 200
        primary.restart()
        assert update(primary.service.url, account, txt("b")).status == 200
        assert secondary.says(account.fulldomain) == [txt("a"), txt("b")]
        whole, differences = primary.transfers(secondary)
        assert whole == 1
        assert update(primary.service.url, account, txt("c")).status == 200
        assert primary.transfers(secondary) == (1, differences + 1)


@pytest.mark.parametrize("is_killed", [True, False])
def test_one_that_is_down_is_left_out_and_counts_again_once_it_is_back(
    tmp_path: Path, *, is_killed: bool
) -> None:
    with HiddenPrimary(tmp_path, "knot", "nsd", wait="2s") as primary:
        url = primary.service.url
        down, up = primary.secondaries
        account = register(url)
        assert update(url, account, txt("a")).status == 200
        if is_killed:
            down.server.stop(signal.SIGKILL)
        else:
            down.server.process.send_signal(signal.SIGSTOP)
        assert update(url, account, txt("b")).status == 200
        assert up.says(account.fulldomain) == [txt("a"), txt("b")]
        primary.service.wait_for_line(f"secondary {down.name} is left out: 127.0.0.1 port")
        assert primary.metric("is_live", down) == 0
        assert primary.metric("is_live", up) == 1
        assert primary.metric("seconds_late", down) > 0
        assert request(url, "GET", "/health").status == 200
        notices = primary.metric("notifies_total", down)
        for letter in "cde":
            assert update(url, account, txt(letter)).status == 200
            assert up.says(account.fulldomain)[-1] == txt(letter)
        assert primary.metric("notifies_total", down) - notices < 3
        listed = challenge_command(primary.config, "secondary", "list").stdout
        assert "does not answer" in listed

        # On a busy machine it may have been left out before, when it had nothing yet.
        before = len(primary.service.lines)
        if is_killed:
            down.server.start()
        else:
            down.server.process.send_signal(signal.SIGCONT)
        caught_up = f"secondary {down.name} has caught up"
        wait_until(
            lambda: any(caught_up in line for line in list(primary.service.lines)[before:]),
            f"{down.kind} has not caught up",
        )
        assert down.says(account.fulldomain) == [txt(letter) for letter in "abcde"]
        assert update(url, account, txt("f")).status == 200
        assert down.says(account.fulldomain)[-1] == txt("f")


def test_one_with_another_key_gets_nothing_and_is_named(tmp_path: Path) -> None:
    primary = HiddenPrimary(tmp_path, wait="1s")
    wrong = Secondary("bind", tmp_path, [primary.port], its_secret=OTHER_SECRET)
    primary.secondaries.append(wrong)
    primary.write_config()
    with primary:
        account = register(primary.service.url)
        assert update(primary.service.url, account, txt("a")).status == 200
        assert wrong.says(account.fulldomain) == "SERVFAIL"
        primary.service.wait_for_line(f"secondary {wrong.name} .*NOTIFY")
        primary.service.wait_for_line(f"secondary {wrong.name} is left out: .* answers SERVFAIL")
        assert primary.transfers(wrong) == (0, 0)


def test_the_transfer_process_is_replaced_when_it_dies(tmp_path: Path) -> None:
    primary = HiddenPrimary(tmp_path, "nsd")
    primary.service = Service(primary.config, workers_as_installed=True)
    with primary:
        (secondary,) = primary.secondaries
        account = register(primary.service.url)
        assert update(primary.service.url, account, txt("a")).status == 200
        for process in primary.service.workers():
            command = Path(f"/proc/{process}/cmdline").read_text()
            if "secondaries.process" in command:
                os.kill(process, signal.SIGKILL)
        assert update(primary.service.url, account, txt("b")).status == 200
        assert secondary.says(account.fulldomain) == [txt("a"), txt("b")]
        primary.service.wait_for_line(r"DNS worker \d+ \(transfers\) ended")
