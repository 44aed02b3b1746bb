"""How acme.sh validated: its dnsapi scripts with their variables, web servers, aliases."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.migration.acme_sh_folder import certificate_of, home, only
from tests.support.trees import SECRET, write
from zoneproof.challenges.dns01 import DelegationRules
from zoneproof.core.names import DomainName
from zoneproof.migration.acme_sh import read_acme_sh
from zoneproof.providers import slugs

KEY_SECRET = "dGhlLWtleS1pdHNlbGYtZm9yLXVwZGF0ZXM="


def test_a_certificates_own_credentials_go_before_the_accounts(tmp_path: Path) -> None:
    home(tmp_path, SAVED_CF_Token="old", CF_Email="e@example.com")
    certificate_of(tmp_path, CF_Token=SECRET)
    made = only(read_acme_sh(tmp_path))
    assert made.method.fields == {"api_token": SECRET, "email": "e@example.com"}


def test_nsupdate_becomes_rfc2136_with_the_key_of_its_file(tmp_path: Path) -> None:
    key = write(
        tmp_path / "tsig.key",
        f'key "acme" {{\n\talgorithm hmac-sha512;\n\tsecret "{SECRET}";\n}};\n',
    )
    home(tmp_path, SAVED_NSUPDATE_SERVER="ns1.example.com,ns2", SAVED_NSUPDATE_KEY=str(key))
    certificate_of(tmp_path, Le_Webroot="dns_nsupdate")
    made = only(read_acme_sh(tmp_path))
    assert made.method.provider == "rfc2136"
    assert made.method.fields == {
        "server": "ns1.example.com",
        "key_name": "acme",
        "secret": SECRET,
        "algorithm": "hmac-sha512",
    }
    assert any("must be the primary" in note for note in made.notes)


def test_acme_dns_keeps_its_server_and_says_what_is_missing(tmp_path: Path) -> None:
    home(tmp_path)
    certificate_of(
        tmp_path,
        Le_Webroot="dns_acmedns",
        ACMEDNS_BASE_URL="https://auth.example.org",
        ACMEDNS_PASSWORD=SECRET,
    )
    found = read_acme_sh(tmp_path)
    made = only(found)
    assert (made.method.provider, made.method.fields) == (
        "acme-dns",
        {"server": "https://auth.example.org"},
    )
    assert any("zoneproof import registrations" in note for note in made.notes)
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    ("root", "challenge", "provider", "webroot"),
    [
        ("dns", "dns-01", "manual", ""),
        ("dns_gandi_livedns", "dns-01", "gandi", ""),
        ("dns_unheard_of", "dns-01", "", ""),
        ("dns_persist", "dns-persist-01", "manual", ""),
        ("/var/www/html", "http-01", "", "/var/www/html"),
        ("no", "http-01", "", ""),
        ("nginx:", "http-01", "", ""),
        ("apache", "http-01", "", ""),
        ("stateless", "http-01", "", ""),
        ("alpn", "dns-01", "", ""),
        ("", "dns-01", "", ""),
    ],
)
def test_methods_have_their_counterparts(
    tmp_path: Path, root: str, challenge: str, provider: str, webroot: str
) -> None:
    certificate_of(home(tmp_path), Le_Webroot=root)
    made = only(read_acme_sh(tmp_path))
    assert (made.method.challenge, made.method.provider, made.method.webroot) == (
        challenge,
        provider,
        webroot,
    )
    is_complete = root in ("/var/www/html", "no") or provider in slugs()
    assert (made.notes == ()) == is_complete


def test_a_script_without_a_provider_here_goes_on_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "acme.sh", "")
    options = "Unheard Of\nOptions:\n UO_Key Key\n UO_User User\n"
    write(tmp_path / "dnsapi/dns_unheard_of.sh", f"dns_unheard_of_info='{options}'\n")
    monkeypatch.setenv("ACME_SH_HOME", str(tmp_path))
    certificate_of(home(tmp_path, SAVED_UO_Key=SECRET, UO_Else="no"), Le_Webroot="dns_unheard_of")
    made = only(read_acme_sh(tmp_path))
    assert (made.method.provider, made.method.fields) == (
        "acmesh:dns_unheard_of",
        {"UO_Key": SECRET},
    )
    assert any("keep acme.sh installed" in note for note in made.notes)


@pytest.mark.parametrize(
    ("script", "lacks"),
    [
        ("dns_cf", "acme.sh has no CF_Token or CF_Key for the provider cloudflare"),
        ("dns_gandi_livedns", "for the provider gandi"),
    ],
)
def test_a_provider_that_needs_one_of_several_fields_lacks_them_all(
    tmp_path: Path, script: str, lacks: str
) -> None:
    certificate_of(home(tmp_path), Le_Webroot=script)
    assert only(read_acme_sh(tmp_path)).method.lacks.endswith(lacks)


def test_another_port_is_kept(tmp_path: Path) -> None:
    certificate_of(home(tmp_path), Le_Webroot="no", Le_HTTPPort="8080", Le_LocalAddress="::1")
    assert only(read_acme_sh(tmp_path)).method.listen == "[::1]:8080"


def test_several_methods_are_noted(tmp_path: Path) -> None:
    certificate_of(home(tmp_path), Le_Webroot="/srv/www,dns_cf", Le_Alt="*.example.com")
    assert any("several methods" in note for note in only(read_acme_sh(tmp_path)).notes)


@pytest.mark.parametrize(
    ("alias", "expected"),
    [
        ("alias.example.net,", "_acme-challenge.alias.example.net"),
        ("no,alias.example.net,", "_acme-challenge.alias.example.net"),
        ("=_acme-challenge.whole.example.net,", "_acme-challenge.whole.example.net"),
    ],
)
def test_aliases_become_delegation_rules(tmp_path: Path, alias: str, expected: str) -> None:
    certificate_of(home(tmp_path), Le_Alt="www.example.com", Le_ChallengeAlias=alias)
    made = only(read_acme_sh(tmp_path))
    rules = DelegationRules.parse(made.delegation)
    assert str(rules.publish_name(DomainName("www.example.com"))) == expected
    apex = rules.publish_name(DomainName("example.com"))
    assert (apex is None) == alias.startswith("no,")


def test_a_name_and_its_wildcard_share_a_rule(tmp_path: Path) -> None:
    certificate_of(home(tmp_path), Le_Alt="*.example.com", Le_ChallengeAlias="a.example.net,")
    assert only(read_acme_sh(tmp_path)).delegation == "example.com:a.example.net"


def test_an_alias_that_no_rule_can_say_is_noted(tmp_path: Path) -> None:
    certificate_of(home(tmp_path), Le_ChallengeAlias="=txt.example.net,")
    made = only(read_acme_sh(tmp_path))
    assert made.delegation == ""
    assert any("another name than _acme-challenge" in note for note in made.notes)


def test_a_key_file_that_is_none_leaves_the_certificate(tmp_path: Path) -> None:
    home(tmp_path, SAVED_NSUPDATE_KEY=str(write(tmp_path / "key", SECRET)))
    certificate_of(tmp_path, Le_Webroot="dns_nsupdate")
    found = read_acme_sh(tmp_path)
    assert only(found).method.fields == {"server": "localhost"}
    assert only(found).method.lacks == "its TSIG key could not be read"
    assert "no TSIG key in it" in found.problems[0]
    assert SECRET not in found.problems[0]


def test_a_key_that_is_given_itself_is_taken(tmp_path: Path) -> None:
    home(tmp_path, SAVED_NSUPDATE_KEY=f"hmac-sha512:acme:{KEY_SECRET}")
    certificate_of(tmp_path, Le_Webroot="dns_nsupdate")
    found = read_acme_sh(tmp_path)
    made = only(found)
    assert made.method.fields == {
        "server": "localhost",
        "key_name": "acme",
        "secret": KEY_SECRET,
        "algorithm": "hmac-sha512",
    }
    assert (made.method.lacks, found.problems) == ("", ())
    assert KEY_SECRET not in repr(found)


@pytest.mark.parametrize("value", [f"/{KEY_SECRET}", KEY_SECRET, f"a b:{KEY_SECRET}", "x" * 300])
def test_what_may_be_a_key_is_never_shown(tmp_path: Path, value: str) -> None:
    home(tmp_path, SAVED_NSUPDATE_KEY=value)
    certificate_of(tmp_path, Le_Webroot="dns_nsupdate")
    found = read_acme_sh(tmp_path)
    assert only(found).method.lacks
    assert "NSUPDATE_KEY names no file" in found.problems[0]
    assert KEY_SECRET not in repr(found)
    assert "xxx" not in repr(found)
