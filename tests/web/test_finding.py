"""What needs somebody first, and how a certificate is found among many."""

from __future__ import annotations

import re

from tests.cli.inside import Inside
from tests.support.old_certificate import add_old
from tests.support.web_pages import WebPages

_NAMED = re.compile(r'<div class="who"><a href="/certificates/([^"]+)"')


def test_never_obtained_certificates_hide_no_others(inside: Inside) -> None:
    never = [f"a{number:02}.example.com" for number in range(25)]
    (inside.home.parent / "certs.toml").write_text(
        "".join(
            f'[[certificate]]\nidentifiers = ["{name}"]\nmethod = [{{ provider = "manual" }}]\n'
            for name in never
        )
    )
    inside.good("apply", "-f", str(inside.home.parent / "certs.toml"))
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
