"""Once a change is acknowledged, every DNS worker answers with it, whoever made it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import dns.rcode
import pytest

from tests.support.challenge_service import (
    ENOUGH_TO_REACH_EVERY_WORKER,
    Service,
    everywhere,
    open_for,
    register,
    txt,
    update,
    write_config,
)
from zoneproof.challengedns.config import load_config


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(write_config(tmp_path_factory.mktemp("service"))) as running:
        yield running


def test_every_worker_answers_with_each_change_at_once(service: Service) -> None:
    account = register(service.url)
    name = account.fulldomain
    assert everywhere(service, name) == {()}
    update(service.url, account, txt("a"))
    assert everywhere(service, name) == {(txt("a"),)}
    update(service.url, account, txt("b"))
    assert everywhere(service, name) == {(txt("a"), txt("b"))}
    update(service.url, account, txt("a"), method="DELETE")
    assert everywhere(service, name) == {(txt("b"),)}


def test_many_clients_at_once_each_see_their_own_values(service: Service) -> None:
    def client(_: int) -> None:
        account = register(service.url)
        expected = []
        for letter in "abcde":
            assert update(service.url, account, txt(letter)).status == 200
            expected.append(txt(letter))
            for _ in range(3):
                assert service.texts(account.fulldomain) == expected

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client, range(24)))


def test_values_posted_at_once_for_one_registration_are_all_there(service: Service) -> None:
    account = register(service.url)
    values = [txt(letter) for letter in "abcdefghijklmnop"]
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda value: update(service.url, account, value), values))
    assert {reply.status for reply in replies} == {200}
    assert everywhere(service, account.fulldomain) == {tuple(values)}


def test_what_another_process_changes_is_answered_at_once(service: Service) -> None:
    config = load_config(service.config)

    async def work() -> None:
        registrations = open_for(config)
        made = await registrations.register()
        name = made.fulldomain
        for letter in "abc":
            await registrations.publish(made.subdomain, txt(letter))
            assert await asyncio.to_thread(everywhere, service, name) == {
                tuple(txt(each) for each in "abc"[: "abc".index(letter) + 1])
            }
        await registrations.set_disabled(made.subdomain, disabled=True)
        assert await asyncio.to_thread(everywhere, service, name) == {()}
        await registrations.set_disabled(made.subdomain, disabled=False)
        assert await asyncio.to_thread(everywhere, service, name) == {
            (txt("a"), txt("b"), txt("c"))
        }
        await registrations.delete(made.subdomain)
        for _ in range(ENOUGH_TO_REACH_EVERY_WORKER):
            reply = await asyncio.to_thread(service.ask, name)
            assert reply.rcode() == dns.rcode.NXDOMAIN
        await registrations.close()

    asyncio.run(work())
