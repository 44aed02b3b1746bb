"""The set-up that the portal shows is what the guide to clients shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoneproof.challengepages.setup import ClientAccount, Setup, all_setups, caa_records, issuer_of
from zoneproof.core.errors import InvalidInputError

GUIDE = (Path(__file__).parents[2] / "docs/challenge-clients.md").read_text("utf-8")
URL = "https://auth.example.org"


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


@pytest.mark.parametrize(
    "setup", all_setups(URL, "KEY", ClientAccount()), ids=lambda one: one.client
)
def test_every_line_is_in_the_guide(setup: Setup) -> None:
    guide = " ".join(GUIDE.replace("….auth.example.org", "…").split())
    for step in setup.steps:
        for line in lines(step.code):
            if not line.startswith(("ACMEDNS_", "kubectl")):  # values of the guide's other settings
                assert " ".join(line.split()) in guide, line


@pytest.mark.parametrize(
    ("url", "issuer"),
    [
        ("https://acme-v02.api.letsencrypt.org/acme/acct/1", "letsencrypt.org"),
        ("https://dv.acme-v02.api.pki.goog/account/x", "pki.goog"),
        ("https://letsencrypt.org.evil.example/acct/1", ""),
        ("javascript:alert(1)", ""),
    ],
)
def test_the_ca_of_an_account_is_known_by_its_host(url: str, issuer: str) -> None:
    assert issuer_of(url) == issuer


@pytest.mark.parametrize(
    "url",
    ["", "http://ca.example/1", 'https://ca.example/1"', "https://ca.example/1; x=y", "1"],
)
def test_what_is_no_account_is_in_no_record(url: str) -> None:
    with pytest.raises(InvalidInputError):
        caa_records(url, "ca.example", ["example.com"])
