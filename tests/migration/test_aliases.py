"""A provider that only says what other clients call it is taken over from all of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.inside import Inside
from tests.support.made_up import GOOD_TOKEN, registered
from tests.support.trees import SECRET, key_pair, write

PROVIDER = "made-up"


@pytest.fixture(autouse=True)
def _made_up() -> Iterator[None]:
    with registered():
        yield


def certbot(folder: Path, lines: str, plugin: str = "madeup") -> list[str]:
    chain, key = key_pair("example.com")
    live = folder / "live/example.com"
    write(live / "fullchain.pem", chain)
    write(live / "privkey.pem", key)
    settings = write(folder / "settings.ini", lines)
    write(
        folder / "renewal/example.com.conf",
        f"fullchain = {live}/fullchain.pem\nprivkey = {live}/privkey.pem\n[renewalparams]\n"
        f"authenticator = dns-{plugin}\ndns_{plugin}_credentials = {settings}\n",
    )
    return ["certbot", str(folder)]


def acme_sh(folder: Path, lines: str, script: str = "dns_madeup") -> list[str]:
    chain, key = key_pair("example.com")
    place = folder / "example.com_ecc"
    write(place / "fullchain.cer", chain)
    write(place / "example.com.key", key)
    write(
        place / "example.com.conf",
        f"Le_Domain='example.com'\nLe_Alt='no'\nLe_Webroot='{script}'\nLe_Keylength='ec-256'\n",
    )
    write(folder / "account.conf", lines)
    return ["acme.sh", str(folder)]


def lego(folder: Path, lines: str, provider: str = "madeup") -> list[str]:
    chain, key = key_pair("example.com")
    write(folder / ".lego/certificates/example.com.crt", chain)
    write(folder / ".lego/certificates/example.com.key", key)
    env = write(folder / "lego.env", lines)
    return ["lego", str(folder / ".lego"), "--dns", provider, "--env-file", str(env)]


def multi(folder: Path, lines: str, provider: str = "madeup") -> list[str]:
    return certbot(folder, f"dns_multi_provider = {provider}\n{lines}", "multi")


CLIENTS = {
    "certbot": (certbot, "dns_madeup_api_token = {}\ndns_madeup_location = us\n"),
    "certbot's dns-multi": (multi, "MADEUP_TOKEN = {}\nMADEUP_REGION = us\n"),
    "acme.sh": (acme_sh, "SAVED_MADEUP_Token='{}'\nSAVED_MADEUP_Region='us'\n"),
    "lego": (lego, "# for the timer\nexport MADEUP_TOKEN={}\nMADEUP_REGION='us'\n"),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_provider_with_aliases_is_taken_over_with_its_credential(
    inside: Inside, tmp_path: Path, client: str
) -> None:
    make, lines = CLIENTS[client]
    told = inside.good("import", *make(tmp_path / "other", lines.format(GOOD_TOKEN)), "--yes")
    assert GOOD_TOKEN not in told
    assert "dns-01 with the credential example.com-made-up" in told
    shown = json.loads(inside.good("show", "example.com", "--json"))["definition"]
    assert shown["method"] == [{"credential": "example.com-made-up"}]
    assert shown.get("renew", True)
    credential = json.loads(inside.good("credential", "show", "example.com-made-up", "--json"))
    assert credential["provider"] == PROVIDER
    assert credential["fields"] == {"token": "(hidden)", "region": "us"}
    works = inside.good("credential", "test", "example.com-made-up", "--read-only")
    assert "ok: example.com, example.org" in works, "the token is the right one"


@pytest.mark.parametrize("client", CLIENTS)
def test_what_is_missing_is_named_with_the_command_that_fixes_it(
    inside: Inside, tmp_path: Path, client: str
) -> None:
    make, lines = CLIENTS[client]
    without_token = lines.format("").splitlines(keepends=True)[-1]
    told = inside.good("import", *make(tmp_path / "other", without_token), "--yes")
    assert "provider made-up needs the field 'token' (API token)" in told
    assert (
        "`zoneproof credential add made-up --name example.com-made-up`, then `zoneproof edit"
        " example.com --credential example.com-made-up --renew`"
    ) in told
    add = ("--name", "example.com-made-up", "--field", "token=x")
    inside.good("credential", "add", PROVIDER, *add)
    inside.good("edit", "example.com", "--credential", "example.com-made-up", "--renew")


def test_a_setting_without_a_counterpart_is_named_with_the_command(
    inside: Inside, tmp_path: Path
) -> None:
    arguments = certbot(tmp_path, f"dns_madeup_api_token = {GOOD_TOKEN}\ndns_madeup_mode = fast\n")
    told = inside.good("import", *arguments, "--yes")
    assert (
        "the setting mode is not carried over: `zoneproof credential set example.com-made-up"
        " --field NAME=VALUE` sets what `zoneproof provider show made-up` lists"
    ) in told


@pytest.mark.parametrize(
    ("make", "theirs", "said"),
    [
        (certbot, "cloudxns", "CloudXNS closed in 2021"),
        (acme_sh, "dns_hetzner", "use the provider hetzner"),
        (lego, "googledomains", "Google Domains closed in July 2024"),
    ],
)
def test_what_closed_is_taken_over_with_what_to_use_instead(
    inside: Inside, tmp_path: Path, make: object, theirs: str, said: str
) -> None:
    assert callable(make)
    told = inside.good("import", *make(tmp_path / "other", "", theirs), "--yes")
    assert said in told
    assert "not renewed until it has a method that works" in told


@pytest.mark.parametrize(
    ("variables", "fields"),
    [
        ("RFC2136_NAMESERVER=192.0.2.1", {"server": "192.0.2.1"}),
        ("DNSUPDATE_NAMESERVER=192.0.2.1:5353", {"server": "192.0.2.1", "port": "5353"}),
        ("DNSUPDATE_NAMESERVER=2001:db8::1", {"server": "2001:db8::1"}),
        ("DNSUPDATE_NAMESERVER=[2001:db8::1]:53", {"server": "2001:db8::1", "port": "53"}),
        (
            "DNSUPDATE_NAMESERVER=ns.example\nDNSUPDATE_TSIG_KEY=k\nDNSUPDATE_TSIG_SECRET=c2VjcmV0",
            {"server": "ns.example", "key_name": "k", "algorithm": "hmac-sha1"},
        ),
        (
            "DNSUPDATE_NAMESERVER=ns.example\nDNSUPDATE_TSIG_KEY=k\n"
            "DNSUPDATE_TSIG_SECRET_FILE={}/secret\nDNSUPDATE_TSIG_ALGORITHM=hmac-sha512.",
            {"server": "ns.example", "key_name": "k", "algorithm": "hmac-sha512"},
        ),
        (
            "DNSUPDATE_NAMESERVER=ns.example\nDNSUPDATE_TSIG_FILE={}/key",
            {"server": "ns.example", "key_name": "k", "algorithm": "hmac-sha256"},
        ),
    ],
)
def test_legos_dns_updates_are_taken_over(
    inside: Inside, tmp_path: Path, variables: str, fields: dict[str, str]
) -> None:
    write(tmp_path / "secret", "c2VjcmV0\n")
    write(tmp_path / "key", 'key "k" {\n algorithm hmac-sha256;\n secret "c2VjcmV0";\n};\n')
    provider = "dnsupdate" if variables.startswith("DNSUPDATE") else "rfc2136"
    arguments = lego(tmp_path / "other", variables.format(tmp_path), provider)
    told = inside.good("import", *arguments, "--yes")
    assert "c2VjcmV0" not in told
    method = json.loads(inside.good("show", "example.com", "--json"))["definition"]["method"][0]
    if "key_name" not in fields:
        assert method == {"provider": "rfc2136", "fields": fields}
        return
    found = json.loads(inside.good("credential", "show", method["credential"], "--json"))["fields"]
    assert found == {**fields, "secret": "(hidden)"}


def test_legos_registrations_at_acme_dns_come_too(inside: Inside, tmp_path: Path) -> None:
    registration = {
        "fulldomain": "d4.auth.example.org",
        "subdomain": "d4",
        "username": "u",
        "password": SECRET,
        "server_url": "https://auth.example.org",
    }
    storage = write(tmp_path / "accounts.json", {"example.com": registration})
    variables = f"ACME_DNS_API_BASE=https://auth.example.org\nACME_DNS_STORAGE_PATH={storage}\n"
    told = inside.good("import", *lego(tmp_path / "other", variables, "acme-dns"), "--yes")
    assert "its challenges are delegated to d4.auth.example.org" in told
    assert SECRET not in told


def test_legos_environment_is_that_of_the_command(
    inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MADEUP_TOKEN", GOOD_TOKEN)
    arguments = lego(tmp_path / "other", "")[:-2]
    assert "credential example.com-made-up" in inside.good("import", *arguments, "--yes")


def test_of_an_env_file_only_what_is_asked_for_has_to_be_clear(
    inside: Inside, tmp_path: Path
) -> None:
    arguments = lego(
        tmp_path / "other",
        f"PATH=$PATH:/opt/lego\nMADEUP_TOKEN={GOOD_TOKEN}\n"
        "LEGO_DEPLOY_HOOK=/root/hook.sh --now\n",  # as systemd reads it
    )
    told = inside.good("import", *arguments, "--yes")
    assert "credential example.com-made-up" in told
    assert "deploy-hook" in told


def test_a_value_that_is_asked_for_and_unclear_is_told_and_the_rest_comes_over(
    inside: Inside, tmp_path: Path
) -> None:
    lines = "MADEUP_TOKEN=$(cat /token)\nLEGO_DEPLOY_HOOK=/root/hook.sh && true\n"
    result = inside.run("import", *lego(tmp_path / "other", lines), "--yes")
    assert result.status == 1
    assert "MADEUP_TOKEN can only be known by running a shell: write the" in result.stdout
    assert "LEGO_DEPLOY_HOOK is unclear: put it into quotes" in result.stderr
    assert '"example.com"' in inside.good("list", "--json")


def test_an_env_file_without_a_provider_is_refused(inside: Inside, tmp_path: Path) -> None:
    arguments = lego(tmp_path / "good", "MADEUP_TOKEN=token\n")
    refused = inside.run("import", *arguments[:2], *arguments[4:])
    assert refused.status == 2
    assert "--env-file says what a provider needs: add --dns NAME" in refused.stderr


def test_no_secret_of_another_client_is_stored_in_the_clear(inside: Inside, tmp_path: Path) -> None:
    make, lines = CLIENTS["lego"]
    inside.good("import", *make(tmp_path / "other", lines.format(GOOD_TOKEN)), "--yes")
    with closing(sqlite3.connect(inside.home / "state.sqlite3")) as database:
        dump = "\n".join(database.iterdump())
    assert GOOD_TOKEN not in dump
