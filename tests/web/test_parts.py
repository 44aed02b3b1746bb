"""The parts of the pages that need no browser: assets, the chart, runs, forms, views."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import anyio
import pytest
from starlette.requests import Request

from zoneproof.challenges.records import record_parts
from zoneproof.core.errors import AwaitingUserError, InvalidInputError
from zoneproof.issuance import OrderPlanned, RecordAwaited, RecordPublished, Warned
from zoneproof.manager import CertificateSummary, Home, Manager
from zoneproof.manager.certificates.log import logged_runs
from zoneproof.manager.certificates.state import CertificateWord
from zoneproof.pages.assets import PATH, all_assets
from zoneproof.pages.browser import lead_to, note_of
from zoneproof.pages.forms import parse
from zoneproof.pages.guard import Guard
from zoneproof.pages.rendering import templates_of
from zoneproof.serving.responses import HttpError
from zoneproof.web.api.others import event_stream
from zoneproof.web.pages.chart import draw
from zoneproof.web.pages.views import LifeBar, helpful, severity
from zoneproof.web.runs import Runs, WebRun

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
FOLDER = files("zoneproof.pages").joinpath("assets")


def test_vendored_scripts_are_those_that_were_published() -> None:
    lines = FOLDER.joinpath("SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in map(str.split, lines)}
    assert set(sums) == {"htmx.min.js", "hx-sse.min.js"}
    for name, expected in sums.items():
        assert hashlib.sha256(FOLDER.joinpath(name).read_bytes()).hexdigest() == expected


def test_an_asset_is_served_under_its_hash() -> None:
    url = all_assets().url("style.css")
    content = FOLDER.joinpath("style.css").read_bytes()
    assert url == f"{PATH}style.{hashlib.sha256(content).hexdigest()[:12]}.css"


@pytest.mark.parametrize("package", ["pages", "web", "challengepages"])
def test_templates_have_no_inline_script_and_no_inline_style(package: str) -> None:
    for entry in files(f"zoneproof.{package}").joinpath("templates").iterdir():
        text = entry.read_text()
        for forbidden in (" style=", "<style", " onclick=", "hx-on", "js:", "|safe }}"):
            assert forbidden not in text, entry.name
        assert "<script>" not in text


def test_a_chart_counts_renewals_and_expiries_by_day() -> None:
    def one(renew: int, expire: int) -> CertificateSummary:
        return CertificateSummary(
            name="a",
            status="valid",
            identifiers=(),
            not_before=NOW,
            not_after=NOW + timedelta(days=expire),
            renew_at=NOW + timedelta(days=renew),
        )

    chart = draw([one(30, 60), one(30, 61), one(-2, 200)], date(2026, 11, 29))
    assert [(row.day, row.renews, row.expires) for row in chart.rows] == [
        (date(2026, 11, 29), 1, 0),  # overdue is today
        (date(2026, 12, 29), 2, 0),
        (date(2027, 1, 28), 0, 1),
        (date(2027, 1, 29), 0, 1),
    ]
    tallest = max(chart.bars, key=lambda bar: bar.height)
    assert tallest.text == "29 December: 2 certificates renew"
    assert all(0 <= bar.x <= chart.width and bar.y >= 0 for bar in chart.bars)


@pytest.mark.parametrize(
    ("left", "percent", "kind"), [(60, 67, ""), (20, 22, "warn"), (3, 3, "bad"), (-1, 0, "bad")]
)
def test_a_lifetime_is_a_bar(left: int, percent: int, kind: str) -> None:
    summary = CertificateSummary(
        name="a",
        status="valid",
        identifiers=(),
        not_before=NOW - timedelta(days=90 - left),
        not_after=NOW + timedelta(days=left),
        renew_at=NOW + timedelta(days=left - 30),
    )
    bar = LifeBar.of(summary, NOW)
    assert bar is not None
    assert (bar.percent, bar.kind) == (percent, kind)


@pytest.mark.parametrize(
    ("status", "text", "path"),
    [
        ("awaiting user", "Look again", "/certificates/a/resume"),
        ("failing", "Try again", "/certificates/a/resume"),
        ("missing", "Request", "/certificates/a/renew"),
        ("expired", "Renew", "/certificates/a/renew"),
        ("not deployed", "Deploy", "/certificates/a/deploy"),
        ("damaged", "See why", "/certificates/a"),
    ],
)
def test_what_needs_somebody_has_one_action_that_helps(
    status: CertificateWord, text: str, path: str
) -> None:
    action = helpful(CertificateSummary(name="a", status=status, identifiers=()))
    assert (action.text, action.path) == (text, path)


def test_a_key_that_expires_leads_to_its_credential() -> None:
    keys = {"dns": date(2026, 12, 1)}
    summary = CertificateSummary(name="a", status="valid", identifiers=(), expiring_keys=keys)
    assert helpful(summary).path == "/credentials/dns"


def test_records_in_parts_as_forms_ask_for_them() -> None:
    assert record_parts('_acme-challenge.a.example. 60 IN TXT "x"') == {
        "Type": "TXT",
        "Name": "_acme-challenge.a.example",
        "Value": "x",
        "TTL": "60 s",
    }
    assert record_parts("_acme-challenge.a.example. IN CNAME b.example.")["Target"] == "b.example"
    assert record_parts("something else") == {}


def test_forms() -> None:
    form = parse("a=+x+&a=y%0D%0Az&names=a%2C+b++a&field.k=v&empty=")
    assert form.text("a") == "y\nz"
    assert form.all("a") == ("x", "y\nz")
    assert form.words("names") == ("a", "b")
    assert form.below("field.") == {"k": "v"}
    other = form.but({"a": "b", "new": "c"}, without="field.")
    assert (other.all("a"), other.text("new"), other.below("field.")) == (("b",), "c", {})
    assert form.text("a") == "y\nz"
    assert form.text("missing") == form.text("empty") == ""
    with pytest.raises(HttpError):
        parse("&".join(f"a={number}" for number in range(3000)))


def test_what_is_invisible_is_shown_in_pages() -> None:
    templates = templates_of("zoneproof.web")
    text = templates.render(
        "plain.html", {"message": "a\u202eb\x1b[0m", "status": 400, "theme": ""}
    )
    assert "a\\u202eb\\x1b[0m" in text


def test_what_is_written_of_providers_is_shown_with_its_code_and_links() -> None:
    coded = templates_of("zoneproof.web")._environment.filters["coded"]
    told = '`a` <https://a.example> [script](script.md), <b>:\n\n```json\n{"a": `x`}\n```'
    assert coded(told) == (
        '<code>a</code> <a href="https://a.example" rel="noreferrer">https://a.example</a> script,'
        " &lt;b&gt;:\n\n<pre>{&#34;a&#34;: <code>x</code>}</pre>"
    )


async def test_a_run_tells_its_events_by_number_and_what_came_of_it(tmp_path: Path) -> None:
    runs = Runs(Home(tmp_path))

    async def work(manager: Manager, run: WebRun) -> str:
        run.emit(OrderPlanned({"a": "_acme-challenge.a"}))
        run.emit(RecordPublished("fake", "_acme-challenge.a", "x"))
        run.emit(Warned("careful"))
        return "good"

    run = runs.start(WebRun("Testing", ("a",), "alice"), work)
    assert runs.of("a") is run
    while not run.is_over:
        await run.news(run.number, 5)
    assert (run.state, run.result, run.number) == ("done", "good", 3)
    assert [(line.number, line.is_bad) for line in run.lines] == [(2, False), (3, True)]
    assert [line.number for line in run.lines_after(2)] == [3]
    assert [(one.subject, one.words) for one in run.states] == [("a", "published")]
    assert runs.get(run.id) is run
    assert runs.of("a") is None
    await runs.close()


async def test_events_that_come_while_others_are_sent_are_sent_too() -> None:
    run = WebRun("Testing", ("a",), "alice")
    run.emit(Warned("one"))
    stream = event_stream(run, 0)
    assert '"one"' in await anext(stream)
    run.emit(Warned("two"))
    second = await anext(stream)
    assert second.startswith("id: 2\n")
    assert '"two"' in second
    run.state = "done"
    run.tell()
    assert (await anext(stream)).startswith("event: over\n")
    assert (await anext(event_stream(run, 2))).startswith("event: over\n")


async def test_runs_with_many_events_are_forgotten_sooner(tmp_path: Path) -> None:
    runs = Runs(Home(tmp_path))

    async def work(manager: Manager, run: WebRun) -> None:
        run.events = [(number, "a", Warned("x")) for number in range(1, 20_001)]

    started = []
    for _ in range(7):
        started.append(runs.start(WebRun("Testing", ("a",), "alice"), work))
        while not started[-1].is_over:
            await started[-1].news(0, 5)
    assert runs.latest() == started[:0:-1]
    await runs.close()


async def test_a_run_that_waits_for_a_person_has_the_records(tmp_path: Path) -> None:
    runs = Runs(Home(tmp_path))

    async def work(manager: Manager, run: WebRun) -> None:
        run.emit(RecordAwaited("r1", "missing", ("ns1",)))
        raise AwaitingUserError("create these", records=("r1", "r2"), certificate="a")

    run = runs.start(WebRun("Testing", ("a",), "alice"), work)
    while not run.is_over:
        await run.news(run.number, 5)
    assert run.state == "awaiting user"
    assert [(record, seen and seen.status) for record, seen in run.records] == [
        ("r1", "missing"),
        ("r2", None),
    ]
    await runs.close()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InvalidInputError("that is wrong"), "that is wrong"),
        (KeyError("x"), "a bug in Zoneproof"),
    ],
)
async def test_a_run_that_fails_says_why(tmp_path: Path, error: Exception, told: str) -> None:
    runs = Runs(Home(tmp_path))

    async def work(manager: Manager, run: WebRun) -> None:
        raise error

    run = runs.start(WebRun("Testing", ("a",), "alice"), work)
    while not run.is_over:
        await run.news(run.number, 5)
    assert run.state == "failed"
    assert run.error is not None
    assert told in run.error.message
    await runs.close()


async def test_runs_end_with_the_server(tmp_path: Path) -> None:
    runs, begun, cleaned = Runs(Home(tmp_path)), anyio.Event(), []

    async def work(manager: Manager, run: WebRun) -> None:
        begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            cleaned.append("removed")

    run = runs.start(WebRun("Testing", ("a",), "alice"), work)
    await begun.wait()
    await runs.close()
    assert (run.state, cleaned) == ("stopped", ["removed"])


def test_a_log_is_read_run_by_run(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    (tmp_path / "a.log.1").write_text("T0  zoneproof 1 (process 1): older\nT0  x\n")
    log.write_text(
        "T1  left over\nT1  zoneproof 1 (process 2): first\nT2  one  more\n"
        "T3  zoneproof 1 (process 3): second\nT4  two\n"
    )
    found = logged_runs(log)
    assert [(run.at, run.doing) for run in found] == [
        ("T3", "second"),
        ("T1", "first"),
        ("T0", "older"),
    ]
    assert found[1].lines == (("T2", "one  more"),)
    assert [run.doing for run in logged_runs(log, most=1)] == ["second"]
    assert logged_runs(tmp_path / "missing.log") == []


def test_only_names_of_the_server_are_its_own() -> None:
    async def nothing(*_: object) -> None:
        raise AssertionError

    guard = Guard(nothing, ["Certs.Example.com"], nothing, "")  # type: ignore[arg-type]
    for host in (
        "certs.example.com",
        "CERTS.example.com:8443",
        "127.0.0.1:1",
        "[::1]:1",
        "localhost",
    ):
        assert guard._is_ours(host)
    for host in ("example.com", "certs.example.com.evil.example", "", ":", "127.0.0.1.nip.io"):
        assert not guard._is_ours(host)
    for host in ("evil@127.0.0.1", "127.0.0.1/evil", "localhost?evil", "localhost#evil"):
        assert not guard._is_ours(host)


def test_what_one_page_tells_on_the_next_shows_where_it_was_cut() -> None:
    def told(note: str) -> str:
        cookie = lead_to("/", note).headers["set-cookie"].partition(";")[0]
        return note_of(Request({"type": "http", "headers": [(b"cookie", cookie.encode())]}))

    assert told("n" * 500) == "n" * 500
    assert told("é" * 501) == "é" * 497 + "..."


def test_what_is_worst_comes_first_and_what_was_never_obtained_last() -> None:
    def one(name: str, status: CertificateWord, left: int | None) -> CertificateSummary:
        has = left is not None
        return CertificateSummary(
            name=name,
            status=status,
            identifiers=(),
            not_before=NOW - timedelta(days=60) if has else None,
            not_after=NOW + timedelta(days=left or 0) if has else None,
        )

    worst_first = [
        one("read", "damaged", None),
        one("over", "expired", -1),
        one("near", "failing", 3),
        one("failing", "failing", 60),
        one("waits", "awaiting user", 50),
        one("left", "not deployed", 40),
        one("key", "valid", 30),
        one("new failing", "failing", None),
        one("new", "awaiting user", None),
    ]
    shuffled = worst_first[1::2] + worst_first[::2]
    assert sorted(shuffled, key=lambda each: severity(each, NOW)) == worst_first
