"""Fixtures that every room's tests share, and a fresh Pebble for a test that it failed."""

from __future__ import annotations

import gc
import itertools
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import settings

from tests.cli.inside import Inside
from tests.support.command import start_forking
from zoneproof.testing.pebble import Pebble

# Whoever runs the tests in the background of a shell has SIGINT ignored, and so would all that the
# tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("no timing", deadline=None)
settings.load_profile("no timing")

_UNLUCKY = pytest.StashKey[str]()
_OUTCOME = "Pebble again"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests on asyncio, which is what the program runs on."""
    return "asyncio"


# Those of 40 seconds and more, so that one process does not still have minutes to go when the
# others have no more files; and half of the processes compute while the others wait for leases.
_WAITING = (
    *("bench/test_bench.py", "challengedns/test_tls_auto.py", "nodes/test_node_failures.py"),
    *("nodes/test_database_failures.py", "nodes/test_membership.py", "faults/test_survived.py"),
    *("challengedns/test_bad_days.py", "challengedns/test_service.py", "manager/test_beside.py"),
    *("faults/test_ended.py", "nodes/test_certificate.py", "secondaries/test_real_servers.py"),
    *("cli/test_everyday.py", "cli/test_what_works_stays.py", "cli/test_old_failures.py"),
    *("faults/test_down.py", "cli/test_renew.py", "cli/test_manage.py"),
)
_COMPUTING = (
    *("providers/test_acme_sh.py", "web/test_looks.py", "challengepages/test_looks.py"),
    *("certmanager/test_providers.py", "web/test_api.py", "providers/test_certbot_plugins.py"),
    *("cli/test_transfer.py", "challengedns/test_openapi.py", "web/test_journeys.py"),
    *("docs/test_site.py", "clients/test_clients.py", "providers/test_lexicon.py"),
    *("docs/test_tutorial.py", "migration/test_damage.py", "acme/test_pebble_nonces.py"),
    *("web/test_inline_credential.py", "web/test_people.py", "web/test_oidc.py"),
)
_LONGEST = tuple(itertools.chain(*zip(_WAITING, _COMPUTING, strict=True)))


def _place(item: pytest.Item) -> int:
    name = "/".join(item.path.parts[-2:])
    if name in _LONGEST:
        return _LONGEST.index(name)
    return len(_LONGEST) + name.startswith("providers/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, and end with a hundred that take seconds."""
    items.sort(key=_place)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the tests and all modules, which live to the end, out of the search for garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Have one process that forks commands for all processes that run tests."""
    if session.config.getoption("processes", 0):
        start_forking()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Find out whether what failed is Pebble, while the test still has it."""
    report = yield
    if report.failed:
        for pebble in _pebbles_of(item):
            if pebble.is_stuck():
                item.stash[_UNLUCKY] = "the first one waited for itself"
            elif pebble.has_reused_authorization():
                item.stash[_UNLUCKY] = "the first one had nothing validated for an order"
    return report


def _pebbles_of(item: pytest.Item) -> list[Pebble]:
    fixtures: dict[str, Any] = getattr(item, "funcargs", None) or {}
    found = [getattr(value, "pebble", value) for value in fixtures.values()]
    return list({id(one): one for one in found if isinstance(one, Pebble)}.values())


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run a test once more, with all of its fixtures made anew, if Pebble was what failed."""
    log = item.ihook
    log.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if _UNLUCKY in item.stash:
        item.session._setupstate.teardown_exact(None)
        for report in reports:
            if report.failed:
                report.outcome = _OUTCOME  # type: ignore[assignment]
                report.user_properties.append((_OUTCOME, item.stash[_UNLUCKY]))
                log.pytest_runtest_logreport(report=report)
                break
        item._initrequest()  # type: ignore[attr-defined]
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        log.pytest_runtest_logreport(report=report)
    log.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Count what is run again for what it is."""
    return (_OUTCOME, "P", "PEBBLE AGAIN") if report.outcome == _OUTCOME else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests were run again."""
    for report in terminalreporter.stats.get(_OUTCOME, ()):
        why = dict(report.user_properties)[_OUTCOME]
        terminalreporter.write_line(f"{report.nodeid} was run again with a fresh Pebble: {why}")


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Inside:
    """A command line with an empty home."""
    return Inside(tmp_path / "home", monkeypatch, capsys)
