"""How certbot validated: its plugins, as they are documented, and hooks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from josepy.jwk import JWKRSA

from tests.migration.certbot_folder import account, only, renewal
from tests.support.rsa_keys import private_key
from tests.support.trees import REGISTRATION, SECRET, write
from zoneproof.core.names import DomainName
from zoneproof.migration.certbot import read_certbot
from zoneproof.migration.found import Found, FoundCertificate
from zoneproof.providers import slugs


def with_plugin(
    folder: Path, plugin: str, settings: Mapping[str, str]
) -> tuple[FoundCertificate, Found]:
    path = folder / "secrets.ini"
    write(path, "".join(f"{name} = {value}\n" for name, value in settings.items()))
    name = plugin.replace("-", "_")
    renewal(folder, f"authenticator = dns-{plugin}\ndns_{name}_credentials = {path}")
    account(folder, JWKRSA(key=private_key(0)))
    found = read_certbot(folder)
    return only(found), found


def test_rfc2136_has_the_fields_of_the_provider_here(tmp_path: Path) -> None:
    made, found = with_plugin(
        tmp_path,
        "rfc2136",
        {
            "dns_rfc2136_server": "192.0.2.1",
            "dns_rfc2136_port": "5353",
            "dns_rfc2136_name": "keyname.",
            "dns_rfc2136_secret": SECRET,
            "dns_rfc2136_algorithm": "HMAC-SHA512",
            "dns_rfc2136_sign_query": "false",
        },
    )
    assert made.method.provider == "rfc2136"
    assert made.method.fields == {
        "server": "192.0.2.1",
        "port": "5353",
        "key_name": "keyname.",
        "secret": SECRET,
        "algorithm": "hmac-sha512",
    }
    assert (made.notes, found.problems) == ((), ())
    assert SECRET not in repr(found)


def test_rfc2136_without_an_algorithm_is_what_certbot_takes(tmp_path: Path) -> None:
    made, _ = with_plugin(tmp_path, "rfc2136", {"dns_rfc2136_server": "192.0.2.1"})
    assert made.method.fields["algorithm"] == "hmac-md5"


PLUGINS = {
    "cloudflare": ({"dns_cloudflare_api_token": "t"}, "cloudflare", {"api_token": "t"}),
    "digitalocean": ({"dns_digitalocean_token": "t"}, "digitalocean", {"token": "t"}),
    "nsone": ({"dns_nsone_api_key": "k"}, "ns1", {"key": "k"}),
    "ovh": (
        {"dns_ovh_endpoint": "ovh-eu", "dns_ovh_application_key": "a"},
        "ovh",
        {"endpoint": "ovh-eu", "application_key": "a"},
    ),
    "luadns": (
        {"dns_luadns_email": "e", "dns_luadns_token": "t"},
        "luadns",
        {"user": "e", "key": "t"},
    ),
}


@pytest.mark.parametrize("plugin", PLUGINS)
def test_known_plugins_become_providers(tmp_path: Path, plugin: str) -> None:
    settings, slug, fields = PLUGINS[plugin]
    made, _ = with_plugin(tmp_path, plugin, settings)
    assert (made.method.challenge, made.method.provider, made.method.fields) == (
        "dns-01",
        slug,
        fields,
    )
    assert any("has no provider" in note for note in made.notes) == (slug not in slugs())


def test_the_old_prefix_of_plugins_is_understood(tmp_path: Path) -> None:
    path = write(tmp_path / "cf.ini", f"certbot_dns_cloudflare:dns_cloudflare_api_token = {SECRET}")
    renewal(
        tmp_path,
        "authenticator = certbot-dns-cloudflare:dns-cloudflare\n"
        f"certbot_dns_cloudflare:dns_cloudflare_credentials = {path}",
    )
    assert only(read_certbot(tmp_path)).method.fields == {"api_token": SECRET}


def test_settings_without_a_counterpart_are_noted_without_their_value(tmp_path: Path) -> None:
    settings = {"dns_linode_key": "k", "dns_linode_password": SECRET}
    made, _ = with_plugin(tmp_path, "linode", settings)
    assert made.method.fields == {"token": "k"}
    assert any("password is not carried over" in note for note in made.notes)
    assert SECRET not in repr(made)


def test_a_plugin_without_a_provider_here_goes_on_writing(tmp_path: Path) -> None:
    made, _ = with_plugin(tmp_path, "unheard-of", {"dns_unheard_of_password": SECRET})
    assert made.method.provider == "certbot:dns-unheard-of"
    assert made.method.fields == {"ini": str(tmp_path / "secrets.ini")}
    assert any("keep certbot installed" in note for note in made.notes)


def test_a_provider_that_needs_one_of_several_fields_lacks_them_all(tmp_path: Path) -> None:
    made, _ = with_plugin(tmp_path, "cloudflare", {"dns_cloudflare_email": "me@example.com"})
    assert made.method.provider == "cloudflare"
    assert made.method.lacks.endswith("has no api_token or api_key for the provider cloudflare")


def test_credentials_that_are_missing_leave_the_certificate(tmp_path: Path) -> None:
    renewal(tmp_path, "authenticator = dns-cloudflare\ndns_cloudflare_credentials = /none/cf.ini")
    found = read_certbot(tmp_path)
    assert only(found).method.provider == "cloudflare"
    assert any("/none/cf.ini" in problem for problem in found.problems)


def test_credentials_in_certbots_folder_are_found_in_a_copy(tmp_path: Path) -> None:
    write(tmp_path / "secrets/do.ini", "dns_digitalocean_token = abc\n")
    renewal(
        tmp_path,
        "authenticator = dns-digitalocean\n"
        "dns_digitalocean_credentials = /etc/letsencrypt/secrets/do.ini",
    )
    assert only(read_certbot(tmp_path)).method.fields == {"token": "abc"}


def test_keys_of_the_cloud_are_noted(tmp_path: Path) -> None:
    renewal(tmp_path, "authenticator = dns-route53")
    renewal(tmp_path, "authenticator = dns-google\ndns_google_credentials = /g.json", "second")
    route53, google = sorted(read_certbot(tmp_path).certificates, key=lambda one: one.name)
    assert route53.method.provider == "route53"
    assert any("AWS keys" in note for note in route53.notes)
    assert google.method.provider == "gcloud"
    assert any("/g.json" in note for note in google.notes)


def test_the_acme_dns_hook_becomes_the_provider_with_its_registrations(tmp_path: Path) -> None:
    # as github.com/joohoi/acme-dns-certbot-joohoi has them
    write(
        tmp_path / "acme-dns-auth.py",
        'ACMEDNS_URL = "https://auth.example.org"\n'
        'STORAGE_PATH = "/etc/letsencrypt/acmedns.json"\n',
    )
    write(tmp_path / "acmedns.json", {"example.com": {**REGISTRATION, "allowfrom": []}})
    renewal(
        tmp_path,
        "authenticator = manual\npref_challs = dns-01,\n"
        "manual_auth_hook = /etc/letsencrypt/acme-dns-auth.py",
    )
    found = read_certbot(tmp_path)
    made = only(found)
    assert (made.method.provider, made.method.fields) == (
        "acme-dns",
        {"server": "https://auth.example.org"},
    )
    assert found.registrations[0].domain == DomainName("example.com")
    assert found.registrations[0].registration.server == "https://auth.example.org"
    assert found.problems == ()


def test_manual_without_a_hook_stays_manual(tmp_path: Path) -> None:
    renewal(tmp_path, "authenticator = manual\npref_challs = dns-01,")
    assert only(read_certbot(tmp_path)).method.provider == "manual"


@pytest.mark.parametrize("server", ["nginx", "apache"])
def test_web_servers_configurations_are_left_to_people(tmp_path: Path, server: str) -> None:
    renewal(tmp_path, f"authenticator = {server}\ninstaller = {server}")
    made = only(read_certbot(tmp_path))
    assert (made.method.challenge, made.method.webroot) == ("http-01", "")
    assert any("leaves alone" in note for note in made.notes)
    assert any("paths into the configuration" in note for note in made.notes)


def test_an_unknown_plugin_leaves_the_choice(tmp_path: Path) -> None:
    renewal(tmp_path, "authenticator = something")
    made = only(read_certbot(tmp_path))
    assert made.method.provider == ""
    assert "certbot used the plugin something, which is not known here" in made.notes


@pytest.mark.parametrize(
    "hook",
    [
        "{folder}/acme-dns-auth.py",
        '"{folder}/my hooks/acme-dns-auth.py"',
        "'{folder}/my hooks/acme-dns-auth.py' --quiet",
        "python3 '{folder}/my hooks/acme-dns-auth.py'",
        "{folder}/my\\ hooks/acme-dns-auth.py",
        "{folder}/my hooks/acme-dns-auth.py",
    ],
)
def test_the_words_of_a_hook_are_those_of_a_shell(tmp_path: Path, hook: str) -> None:
    for place in ("my hooks", "."):
        write(
            tmp_path / place / "acme-dns-auth.py",
            f'ACMEDNS_URL = "https://auth.example.org"\nSTORAGE_PATH = "{tmp_path}/acmedns.json"\n',
        )
    write(tmp_path / "acmedns.json", {"example.com": REGISTRATION})
    text = hook.format(folder=tmp_path)
    quoted = f"'''{text}'''" if '"' in text or "'" in text else text
    renewal(tmp_path, f"authenticator = manual\nmanual_auth_hook = {quoted}")
    found = read_certbot(tmp_path)
    assert only(found).method.fields == {"server": "https://auth.example.org"}
    assert len(found.registrations) == 1
    assert found.problems == ()


def test_a_hook_that_no_shell_would_run_leaves_the_choice(tmp_path: Path) -> None:
    renewal(tmp_path, "authenticator = manual\nmanual_auth_hook = it's acme-dns-auth.py")
    made = only(read_certbot(tmp_path))
    assert made.method.provider == ""
