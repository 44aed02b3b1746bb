"""What certificates of other clients are called here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.migration import acme_sh_folder, certbot_folder
from tests.migration.lego_folder import one_certificate
from zoneproof.migration.acme_sh import read_acme_sh
from zoneproof.migration.certbot import read_certbot
from zoneproof.migration.found import Found
from zoneproof.migration.lego import read_lego

MUNICH = "xn--mnchen-3ya.example.com"


def named(found: Found) -> list[tuple[str, bool]]:
    """Return the names, and whether a note says so."""
    assert found.problems == ()
    return [
        (one.name, any(f"is called {one.name} here" in note for note in one.notes))
        for one in found.certificates
    ]


def test_names_of_acme_sh_are_written_in_ascii(tmp_path: Path) -> None:
    folder = acme_sh_folder.home(tmp_path)
    for domain in ("münchen.example.com", "*.münchen.example.com", "example.com"):
        acme_sh_folder.certificate_of(folder, domain)
    found = sorted(named(read_acme_sh(folder)))
    assert found == [("example.com", False), (MUNICH, True), (f"{MUNICH}-2", True)]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("My Cert", "My-Cert"), ("a..b", "a-b"), ("(shop) & mail", "shop-mail"), ("Shop_1", "Shop_1")],
)
def test_names_of_certbot_have_hyphens_for_what_no_name_has(
    tmp_path: Path, theirs: str, ours: str
) -> None:
    certbot_folder.renewal(tmp_path, "authenticator = standalone", theirs)
    assert named(read_certbot(tmp_path)) == [(ours, theirs != ours)]


def test_names_of_lego_are_written_in_ascii(tmp_path: Path) -> None:
    one_certificate(tmp_path, "_.münchen.example.com")
    assert named(read_lego(tmp_path)) == [(MUNICH, True)]


def test_a_name_of_which_nothing_is_left_is_a_problem(tmp_path: Path) -> None:
    certbot_folder.renewal(tmp_path, "authenticator = standalone", "()")
    found = read_certbot(tmp_path)
    assert found.certificates == ()
    assert "is not a valid certificate name" in found.problems[0]
