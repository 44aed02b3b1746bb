"""What needs somebody first, and how a certificate is found among many."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

from msgspec.structs import replace

from tests.cli.inside import Inside
from tests.support.old_certificate import add_old
from tests.support.web_pages import WebPages
from zoneproof.manager import CertificateSummary, Home, open_manager
from zoneproof.manager.certificates.details import remark
from zoneproof.pages.records import record_views

NOW = datetime(2026, 11, 30, tzinfo=UTC)
_NAMED = re.compile(r'<div class="who"><a href="/certificates/([^"]+)"')


def define(inside: Inside, names: Sequence[str]) -> None:
    """Manage certificates of these names, which nobody has obtained."""
    method = 'method = [{ provider = "manual" }]'
    lines = (f'[[certificate]]\nidentifiers = ["{name}"]\n{method}\n' for name in names)
    file = inside.home.parent / "certs.toml"
    file.write_text("".join(lines))
    inside.good("apply", "-f", str(file))


def test_never_obtained_certificates_hide_no_others(inside: Inside) -> None:
    never = [f"a{number:02}.example.com" for number in range(25)]
    define(inside, never)
    add_old(inside, "x.example.com", days=(-100, -10))
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        text = alice.get("/").text
        assert _NAMED.findall(text) == ["x.example.com", *never[:5]]
        link = (
            '<a href="/certificates?status=never+obtained">and 20 more that were never obtained</a>'
        )
        assert link in text
        found = alice.get("/certificates?status=never+obtained").text
        assert "25 of 26" in found
        assert "x.example.com" not in found


def test_all_records_that_are_to_be_created_are_counted() -> None:
    records = tuple(f'_acme-challenge.a.example. 60 IN TXT "{value}"' for value in "xyz")
    waits = CertificateSummary(
        name="a.example",
        status="awaiting user",
        identifiers=("a.example", "*.a.example"),
        awaiting=records,
        renew_at=NOW,
        reason="it is missing",
    )
    assert remark(waits, NOW) == f"3 records to create, the first: {records[0]}"
    assert remark(replace(waits, awaiting=records[:1]), NOW) == f"create {records[0]}"
    notes = [one.note for one, _ in record_views(records)]
    assert notes == ["All 3 values belong at this name, side by side."] * 3
    assert [one.note for one, _ in record_views([records[0], "b. IN CNAME c."])] == ["", ""]


def test_what_was_never_obtained_waits_and_cannot_be_revoked(inside: Inside) -> None:
    inside.good("add", "www.example.com", "--provider=manual")

    async def wait() -> None:
        async with open_manager(Home(inside.home)) as manager:
            one = await manager.certificates.get("www.example.com")
            facts = (await manager.circumstances()).of(one.definition)
            await manager.states.set_awaiting(one.name, ("a. IN CNAME b.",), facts)

    asyncio.run(wait())
    with WebPages(inside.home) as pages:
        text = pages.administrator().get("/certificates/www.example.com").text
        assert "it continues once the records exist" in text
        assert "renewal now" not in text
        assert "/revoke" not in text


def test_a_name_is_found_as_people_write_it(inside: Inside) -> None:
    inside.good("add", "münchen.example", "www.bücher.example", "--provider=manual")
    inside.good("add", "host001.example.test", "--provider=manual")
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        for text, found in (
            ("münchen", "xn--mnchen-3ya.example"),
            ("MÜNCH", "xn--mnchen-3ya.example"),
            ("mu\u0308nchen", "xn--mnchen-3ya.example"),
            ("xn--mnchen", "xn--mnchen-3ya.example"),
            ("bücher", "xn--mnchen-3ya.example"),
            ("host001.example.test.", "host001.example.test"),
        ):
            page = alice.get(f"/certificates?{urlencode({'q': text})}").text
            assert re.findall(r'<a class="name" href="/certificates/([^"]+)"', page) == [found], (
                text
            )
        page = alice.get("/certificates?q=xn--").text
        assert "münchen.example, www.xn--bcher-kva.example (www.bücher.example)" in page
        assert (
            "<span>münchen.example</span>" in alice.get("/certificates/xn--mnchen-3ya.example").text
        )


def test_all_that_were_found_are_chosen_at_once(inside: Inside) -> None:
    names = [f"a{number:02}.example.com" for number in range(60)]
    define(inside, [*names, "other.example.net"])
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        assert "with all 60 found" in alice.get("/certificates?q=example.com").text
        assert "found" not in alice.get("/certificates?q=a0").text
        asked = alice.post("/certificates", action="remove", all_found="yes", q="example.com")
        assert re.findall(r'name="name" value="([^"]+)"', asked.text) == names


def test_the_worst_come_first_by_status(inside: Inside) -> None:
    define(inside, ["a.example.com"])
    add_old(inside, "expired.example.com", days=(-100, -10))
    add_old(inside, "new.example.com", days=(-1, 89))
    add_old(inside, "soon.example.com", days=(-80, 10))
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        listed = [
            re.findall(r'class="name" href="/certificates/([^"]+)"', page.text)
            for page in (alice.get(f"/certificates?sort={sort}") for sort in ("status", "-status"))
        ]
        assert listed[0] == [
            *("expired.example.com", "a.example.com", "soon.example.com", "new.example.com")
        ]
        assert listed[1] == listed[0][::-1]


def test_who_ticks_nothing_stays_where_it_was(inside: Inside) -> None:
    names = [f"a{number:02}.example.com" for number in range(60)]
    define(inside, names)
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        page = alice.get("/certificates?q=example&sort=-name&page=2").text
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
        answer = alice.post("/certificates", None, action="renew", **hidden)
        back = answer.headers["Location"]
        assert back == "/certificates?q=example&sort=-name&page=2"
        assert "Tick at least one" in alice.get(back).text


def test_of_many_certificates_those_are_removed_that_can_be(inside: Inside) -> None:
    define(inside, ["a.example.com", "b.example.com", "c.example.com"])
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        names = ["a.example.com", "gone.example.com", "c.example.com"]
        told = alice.submit("/remove-certificates", name=names).text
        assert "2 certificates no longer managed: the files stay; there is no managed" in told
        assert "1 of 1" in alice.get("/certificates").text
        assert "no managed certificate &#39;gone.example.com&#39;" in alice.get("/audit").text
        again = alice.post("/remove-certificates", name=names)
        assert (again.status, "no managed certificate" in again.text) == (404, True)


def test_what_many_certificates_use_names_some_of_them(inside: Inside) -> None:
    names = [f"a{number:02}.example.com" for number in range(12)]
    inside.good("credential", "add", "cloudflare", "--name=dns", "--field=api_token=x", "--no-test")
    for name in names:
        inside.good("add", name, "--credential=dns")
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        page = alice.get("/credentials/dns").text
        first, more = page.split("<summary>and 2 more</summary>")
        assert (first.count('href="/certificates/a'), more.count('href="/certificates/a')) == (
            10,
            2,
        )
        asked = alice.get("/credentials/dns/remove").text
        assert f"Used by {', '.join(names[:10])} and 2 more." in asked
