"""Rollovers of account keys that the CA does not do: the old key is used, and nothing pends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import tests.support.peers  # noqa: F401  says where Pebble is
from tests.faults import faults
from tests.support.ca_proxy import KEY_CHANGE, CaProxy, Fault, Forward, Reply, Rule
from zoneproof.core.errors import AcmeError
from zoneproof.manager import AccountTerms, Home, RunOptions, open_manager
from zoneproof.manager.accounts import changes, sharing
from zoneproof.testing.pebble import Pebble


@pytest.fixture(scope="module")
def pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    with Pebble(tmp_path_factory.mktemp("pebble"), strict=True) as server:
        yield server


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def run_for(pebble: Pebble) -> RunOptions:
    return RunOptions(terms=AccountTerms(agree_to_terms=True, ca_bundle=pebble.ca_bundle))


NOT_IMPLEMENTED = faults.problem(501, "notImplemented", "this API is not implemented")


@pytest.mark.parametrize(
    ("fault", "pending"),
    [
        (NOT_IMPLEMENTED, False),
        (faults.says(501), False),
        (faults.html_page(501), False),
        (faults.html_page(404), False),
        (faults.says(405), False),
        (faults.problem(500, "serverInternal", "it hurts"), False),
        (faults.html_page(502), True),
        (faults.problem(503, "serverInternal", "later"), True),
        (faults.lost_before, True),
    ],
    ids=["501", "bare 501", "501 page", "404 page", "405", "500", "502 page", "503", "lost"],
)
async def test_a_rollover_that_the_ca_will_not_do_leaves_nothing_pending(
    home: Home, pebble: Pebble, fault: Fault, pending: bool
) -> None:
    with CaProxy(pebble) as proxy:
        async with open_manager(home, run_for(pebble)) as manager:
            before = (await changes.register(manager, proxy.directory_url, "work")).account
            proxy.obey(Rule(KEY_CHANGE, fault, times=10))
            with pytest.raises(AcmeError):
                await changes.roll_over(manager, "work")
            after = await manager.accounts.get("work")
            assert (after.next_key is not None) is pending
            assert after.key.thumbprint == before.key.thumbprint
            if pending:  # which the next run settles
                proxy.obey(Rule(KEY_CHANGE, NOT_IMPLEMENTED))
                with pytest.raises(AcmeError, match="does not offer that"):
                    await changes.roll_over(manager, "work")
                after = await manager.accounts.get("work")
            assert sharing.to_file(after)
            assert (await changes.ask(manager.clients, after)).status == "valid"


async def test_a_rollover_that_failed_after_it_was_done_is_found_out(
    home: Home, pebble: Pebble
) -> None:
    def done_and_failed(forward: Forward) -> Reply | None:
        forward()
        return faults.problem(500, "serverInternal", "it hurts")(forward)

    with CaProxy(pebble) as proxy:
        async with open_manager(home, run_for(pebble)) as manager:
            before = (await changes.register(manager, proxy.directory_url, "work")).account
            proxy.obey(Rule(KEY_CHANGE, done_and_failed))
            with pytest.raises(AcmeError):
                await changes.roll_over(manager, "work")
            after = await manager.accounts.get("work")
            assert after.next_key is None
            assert after.key.thumbprint != before.key.thumbprint
            assert (await changes.ask(manager.clients, after)).status == "valid"
