"""What the pages say while something keeps a home from working."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.inside import Inside
from tests.support.self_signed import key_pem, self_signed
from tests.support.web_pages import WebPages
from zoneproof.acme import CertificateChain
from zoneproof.issuance import Issued
from zoneproof.manager.certificates.details import next_attempt
from zoneproof.manager.certificates.files import CertificateFiles

NAME = "www.example.com"
DAY = 86_400


def add_old(inside: Inside, name: str = NAME) -> None:
    """Manage a certificate that is due for weeks."""
    inside.good("add", name, "--provider=manual")
    certificate, key = self_signed(name, days=(-80, 10))
    chain = CertificateChain((certificate, certificate))
    CertificateFiles(inside.home).write(name, Issued(chain, key_pem(key)))


def test_that_nothing_renews_is_said(inside: Inside) -> None:
    inside.home.mkdir()
    (inside.home / "settings.toml").write_text('account = "https://127.0.0.1:9/"\n')
    assert "no renewal" not in inside.run("list").stderr
    add_old(inside)
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        for path in ("/", f"/certificates/{NAME}"):
            text = alice.get(path).text
            assert "Nothing renews this home" in text
            assert "no renewal has run in this home yet: start the timer" in text
        assert "All is well" not in alice.get("/").text
        told = inside.run("list", "--problems")
        assert (told.status, told.stderr.count("\n")) == (1, 1)
        assert told.stderr.startswith("zoneproof: no renewal has run in this home yet: ")

        inside.run("renew", NAME)  # which is not all
        inside.run("edit", NAME, "--propagation=5")  # so that the failure is over
        assert "Nothing renews" in alice.get("/").text
        inside.run("renew")
        inside.run("edit", NAME, "--propagation=6")
        assert "Nothing renews" not in alice.get("/").text
        assert "no renewal" not in inside.run("list").stderr

        before = time.time() - 2 * DAY
        os.utime(inside.home / "last-renewal", (before, before))
        assert "no renewal has run since " in alice.get("/").text
        assert "(2 days ago): start the timer" in inside.run("list").stderr


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (8, "next attempt in 8 minutes"),
        (0, "next attempt now"),
        (-8, "next attempt was due 8 minutes ago"),
    ],
)
def test_an_attempt_that_nothing_makes_was_due(minutes: int, text: str) -> None:
    now = datetime(2026, 11, 30, tzinfo=UTC)
    assert next_attempt(now + timedelta(minutes=minutes), now) == text
