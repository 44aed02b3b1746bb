"""certbot's folders, written as certbot 5.8 writes them and as its plugins are documented."""

from __future__ import annotations

import grp
import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from josepy.jwk import JWK, JWKEC, JWKRSA

from tests.support.rsa_keys import private_key
from tests.support.trees import (
    ACCOUNT_URL,
    LETS_ENCRYPT,
    REGISTRATION,
    SECRET,
    certificate,
    write,
)
from zoneproof.acme import AccountKey
from zoneproof.core.names import DomainName
from zoneproof.migration.certbot import read_certbot
from zoneproof.migration.found import Found, FoundCertificate
from zoneproof.providers import slugs

HOST = "acme-v02.api.letsencrypt.org/directory"


def renewal(folder: Path, parameters: str, name: str = "example.com", more: str = "") -> None:
    """A certificate, as ``certbot certonly`` leaves it."""
    live = f"/etc/letsencrypt/live/{name}"
    write(
        folder / f"renewal/{name}.conf",
        f"version = 5.8.0\narchive_dir = /etc/letsencrypt/archive/{name}\n"
        f"cert = {live}/cert.pem\nprivkey = {live}/privkey.pem\nchain = {live}/chain.pem\n"
        f"fullchain = {live}/fullchain.pem\n\n# Options used in the renewal process\n"
        f"[renewalparams]\naccount = a1\nserver = {LETS_ENCRYPT}\n{parameters}\n{more}",
    )
    write(folder / f"archive/{name}/cert1.pem", certificate("example.com", "www.example.com"))
    link = folder / f"live/{name}/cert.pem"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(f"../../archive/{name}/cert1.pem")


def only(found: Found) -> FoundCertificate:
    assert len(found.certificates) == 1, found.problems
    return found.certificates[0]


def with_plugin(
    folder: Path, plugin: str, settings: Mapping[str, str]
) -> tuple[FoundCertificate, Found]:
    path = folder / "secrets.ini"
    write(path, "".join(f"{name} = {value}\n" for name, value in settings.items()))
    name = plugin.replace("-", "_")
    renewal(folder, f"authenticator = dns-{plugin}\ndns_{name}_credentials = {path}")
    found = read_certbot(folder)
    return only(found), found


# --- plugins -----------------------------------------------------------------------------------


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
    assert any("zoneproof edit example.com --provider" in note for note in made.notes)


# --- settings ----------------------------------------------------------------------------------


def test_chain_and_profile_are_carried_over(tmp_path: Path) -> None:
    renewal(
        tmp_path,
        "authenticator = standalone\npreferred_chain = ISRG Root X1\n"
        "preferred_profile = shortlived\nautorenew = False\nmust_staple = True\n"
        "allow_subset_of_names = True",
    )
    made = only(read_certbot(tmp_path))
    assert (made.preferred_chain, made.profile) == ("ISRG Root X1", "")
    assert made.preferred_profile == "shortlived"
    assert not made.renew
    assert any("autorenew" in note for note in made.notes)
    assert any("must_staple" in note for note in made.notes)
    assert any("allow_subset_of_names is not carried over" in note for note in made.notes)


def test_a_profile_that_certbot_required_is_required(tmp_path: Path) -> None:
    renewal(
        tmp_path,
        "authenticator = standalone\nrequired_profile = shortlived\npreferred_profile = classic",
    )
    made = only(read_certbot(tmp_path))
    assert (made.profile, made.preferred_profile) == ("shortlived", "")


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ("key_type = rsa\nrsa_key_size = 4096", "rsa4096"),
        ("key_type = rsa", "rsa2048"),
        ("key_type = RSA\nrsa_key_size = 3072", "rsa3072"),
        ("key_type = ecdsa\nelliptic_curve = secp384r1", "ec384"),
        ("key_type = ecdsa\nelliptic_curve = P-384", "ec384"),
        ("key_type = ecdsa\nelliptic_curve = nonsense", "ec256"),
        ("key_type = ecdsa", "ec256"),
        ("rsa_key_size = 4096", "ec256"),
        ("", "ec256"),
    ],
)
def test_the_next_key_is_of_the_kind_that_certbot_would_make(
    tmp_path: Path, options: str, kind: str
) -> None:
    renewal(tmp_path, f"authenticator = standalone\n{options}")
    assert only(read_certbot(tmp_path)).key_type == kind


@pytest.mark.parametrize("copied", [False, True])
@pytest.mark.parametrize("live", ["other.example-0001", "plain"])
def test_the_certificate_is_where_the_renewal_file_says(
    tmp_path: Path, live: str, copied: bool
) -> None:
    root, folder = tmp_path / "original", tmp_path / "original"
    names = {live: ("new.example.com", "example.com"), "example.com": ("example.com",)}
    for place, on_it in names.items():
        write(root / f"live/{place}/fullchain.pem", certificate(*on_it))
        write(root / f"live/{place}/cert.pem", certificate(*on_it))
        write(root / f"live/{place}/privkey.pem", "a key")
    paths = "".join(
        f"{part} = {root}/live/{live}/{part}.pem\n" for part in ("cert", "privkey", "fullchain")
    )
    write(
        root / "renewal/example.com.conf",
        f"archive_dir = {root}/archive/{live}\n{paths}[renewalparams]\n"
        "authenticator = standalone\n",
    )
    if copied:
        folder = root.rename(tmp_path / "copy")
    made = only(read_certbot(folder))
    assert made.name == "example.com"
    assert [str(name) for name in made.identifiers] == ["new.example.com", "example.com"]
    assert made.chain_pem == folder / f"live/{live}/fullchain.pem"
    assert made.private_key == folder / f"live/{live}/privkey.pem"


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


def test_hooks_of_a_relative_folder_are_stored_with_absolute_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewal(tmp_path / "cbcopy", "authenticator = standalone")
    program = write(tmp_path / "cbcopy/renewal-hooks/deploy/reload.sh", "#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    (task,) = only(read_certbot(Path("cbcopy"))).tasks
    assert task.definition.fields == {"command": str(program)}


def test_hooks_whose_folder_is_not_known_are_not_carried_over(tmp_path: Path) -> None:
    renewal(
        tmp_path,
        "authenticator = standalone\npre_hook = ./stop.sh\n"
        "renew_hook = hooks/reload.sh $RENEWED_LINEAGE\npost_hook = /opt/start --now",
    )
    made = only(read_certbot(tmp_path))
    assert [one.definition.name for one in made.tasks] == ["post_hook"]
    assert [note.partition(" is relative")[0] for note in made.notes] == [
        "pre_hook is not carried over: its program './stop.sh'",
        "renew_hook is not carried over: its program 'hooks/reload.sh'",
    ]
    assert "--deploy command:name=pre_hook,command=/...`" in made.notes[0]


def test_hooks_become_tasks_and_those_for_every_certificate_come_first(tmp_path: Path) -> None:
    renewal(
        tmp_path,
        "authenticator = standalone\npre_hook = systemctl stop nginx\n"
        "renew_hook = systemctl reload nginx\npost_hook = /opt/start --now",
    )
    program = write(tmp_path / "renewal-hooks/deploy/my hook.sh", "#!/bin/sh\n")
    program.chmod(0o755)
    write(tmp_path / "renewal-hooks/deploy/README", "not a program")
    tasks = [one.definition for one in only(read_certbot(tmp_path)).tasks]
    assert [(task.name, task.when, task.task) for task in tasks] == [
        ("deploy-my-hook.sh", "issued", "command"),
        ("pre_hook", "before", "command"),
        ("renew_hook", "issued", "systemd"),
        ("post_hook", "always", "command"),
    ]
    assert tasks[1].fields == {"command": "systemctl stop nginx"}
    assert tasks[2].fields == {"unit": "nginx", "action": "reload"}
    first, _, _, last = only(read_certbot(tmp_path)).tasks
    assert shlex.split(first.secrets["command"]) == ["/bin/sh", "-c", f"'{program}'"]
    assert last.secrets == {"command": "/opt/start --now"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to any group")
def test_a_group_that_may_read_the_key_still_may(tmp_path: Path) -> None:
    renewal(tmp_path, "authenticator = standalone")
    key = write(tmp_path / "archive/example.com/privkey1.pem", "key")
    (tmp_path / "live/example.com/privkey.pem").symlink_to(key)
    key.chmod(0o600)
    made = only(read_certbot(tmp_path))
    assert (made.key_group, made.key_mode) == ("", "")
    os.chown(key, -1, grp.getgrnam("daemon").gr_gid)
    key.chmod(0o644)
    made = only(read_certbot(tmp_path))
    assert (made.key_group, made.key_mode) == ("daemon", "0640")
    os.chown(key, -1, 4242)
    assert only(read_certbot(tmp_path)).key_group == "4242"


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (ec.generate_private_key(ec.SECP521R1()), "ec384"),
        (private_key(0), "rsa2048"),
    ],
)
def test_keys_that_are_not_made_here_are_noted(
    tmp_path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, kind: str
) -> None:
    renewal(tmp_path, "authenticator = standalone")
    write(tmp_path / "archive/example.com/cert1.pem", certificate("example.com", key=key))
    made = only(read_certbot(tmp_path))
    assert made.key_type == kind
    assert any("does not make" in note for note in made.notes) == (kind == "ec384")


def test_without_the_certificate_the_webroots_tell_the_names(tmp_path: Path) -> None:
    renewal(tmp_path, "authenticator = webroot", more="[[webroot_map]]\nexample.com = /srv/www\n")
    (tmp_path / "archive/example.com/cert1.pem").unlink()
    made = only(read_certbot(tmp_path))
    assert [str(name) for name in made.identifiers] == ["example.com"]
    assert any("cannot be read" in note for note in made.notes)


# --- accounts ----------------------------------------------------------------------------------


def account(folder: Path, key: JWK, host: str = HOST, name: str = "a1") -> Path:
    place = folder / "accounts" / host / name
    write(place / "private_key.json", key.json_dumps())
    write(place / "regr.json", json.dumps({"body": {}, "uri": ACCOUNT_URL}))
    write(place / "meta.json", json.dumps({"creation_host": "here"}))
    return place


@pytest.mark.parametrize(
    "key",
    [
        JWKRSA(key=private_key(0)),
        JWKEC(key=ec.generate_private_key(ec.SECP256R1())),
    ],
)
def test_both_kinds_of_account_keys_are_read(tmp_path: Path, key: JWK) -> None:
    place = account(tmp_path, key)
    found = read_certbot(tmp_path)
    assert found.problems == ()
    made = found.accounts[0]
    assert (made.directory_url, made.account_url) == (LETS_ENCRYPT, ACCOUNT_URL)
    assert made.key.thumbprint == AccountKey.from_jwk(key.json_dumps().encode()).thumbprint
    assert made.source == place


def test_the_account_of_the_first_api_is_the_one_of_the_second(tmp_path: Path) -> None:
    old = account(
        tmp_path,
        JWKEC(key=ec.generate_private_key(ec.SECP256R1())),
        "acme-v01.api.letsencrypt.org/directory",
    )
    write(old / "regr.json", {"uri": "https://acme-v01.api.letsencrypt.org/acme/reg/1"})
    link = tmp_path / "accounts/acme-v02.api.letsencrypt.org/directory"
    link.parent.mkdir()
    link.symlink_to(old.parent)
    accounts = read_certbot(tmp_path).accounts
    assert [(one.directory_url, one.account_url) for one in accounts] == [(LETS_ENCRYPT, "")]


def test_the_account_that_is_used_comes_first(tmp_path: Path) -> None:
    for name in ("a0", "a1"):
        account(tmp_path, JWKEC(key=ec.generate_private_key(ec.SECP256R1())), name=name)
    renewal(tmp_path, "authenticator = standalone")
    assert [one.source.name for one in read_certbot(tmp_path).accounts] == ["a1", "a0"]


def test_a_key_in_the_wrong_folder_is_a_problem(tmp_path: Path) -> None:
    write(
        tmp_path / "accounts/private_key.json",
        JWKEC(key=ec.generate_private_key(ec.SECP256R1())).json_dumps(),
    )
    found = read_certbot(tmp_path)
    assert (found.accounts, len(found.problems)) == ((), 1)


def test_an_account_without_its_url_is_still_one(tmp_path: Path) -> None:
    place = account(tmp_path, JWKEC(key=ec.generate_private_key(ec.SECP256R1())))
    write(place / "regr.json", "{")
    found = read_certbot(tmp_path)
    assert found.accounts[0].account_url == ""
    assert any("regr.json" in problem for problem in found.problems)


# --- what is broken ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"kty": "RSA"}',
        '{"kty": 1}',
        '{"kty": "EC", "crv": "P-256", "d": 5}',
        json.dumps({"kty": "RSA", "n": "A" * 100_000, "e": "AQAB", "d": SECRET}),
        json.dumps({"kty": "RSA", "n": "sdfsdf", "e": "AQAB", "d": SECRET}),
    ],
)
def test_a_broken_account_key_is_a_problem_and_the_rest_is_read(
    tmp_path: Path, content: str
) -> None:
    place = account(tmp_path, JWKEC(key=ec.generate_private_key(ec.SECP256R1())))
    write(place / "private_key.json", content)
    renewal(tmp_path, "authenticator = standalone")
    found = read_certbot(tmp_path)
    assert found.accounts == ()
    assert len(found.certificates) == 1
    assert len(found.problems) == 1
    assert str(place / "private_key.json") in found.problems[0]
    assert SECRET not in found.problems[0]


@pytest.mark.parametrize(
    "content", ["[renewalparams", "version = 1\n", "no line", "[renewalparams]\n= 3\n", "\x00"]
)
def test_a_broken_renewal_file_is_a_problem_and_the_rest_is_read(
    tmp_path: Path, content: str
) -> None:
    renewal(tmp_path, "authenticator = standalone")
    path = write(tmp_path / "renewal/broken.conf", content)
    found = read_certbot(tmp_path)
    assert len(found.certificates) == 1
    assert [problem.partition(": ")[0] for problem in found.problems] == [str(path)]


@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\nAA==\n", b"\xff" * 10])
def test_a_broken_certificate_is_a_problem(tmp_path: Path, content: bytes) -> None:
    renewal(tmp_path, "authenticator = standalone")
    write(tmp_path / "archive/example.com/cert1.pem", content)
    found = read_certbot(tmp_path)
    assert found.certificates == ()
    assert "its names are not known" in found.problems[0]


def test_another_folder_says_so(tmp_path: Path) -> None:
    found = read_certbot(tmp_path)
    assert "renewal and accounts are not in it" in found.problems[0]


def test_nothing_is_changed(tmp_path: Path) -> None:
    account(tmp_path, JWKEC(key=ec.generate_private_key(ec.SECP256R1())))
    renewal(tmp_path, "authenticator = standalone")
    before = {path: path.lstat() for path in tmp_path.rglob("*")}
    read_certbot(tmp_path)
    after = {path: path.lstat() for path in tmp_path.rglob("*")}
    assert {path: (one.st_mtime_ns, one.st_size) for path, one in before.items()} == {
        path: (one.st_mtime_ns, one.st_size) for path, one in after.items()
    }
