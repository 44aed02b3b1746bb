"""certbot's folders: settings, accounts, and what is broken."""

from __future__ import annotations

import grp
import json
import os
import shlex
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from josepy.jwk import JWK, JWKEC, JWKRSA

from tests.migration.certbot_folder import HOST, account, only, renewal
from tests.support.rsa_keys import private_key
from tests.support.trees import ACCOUNT_URL, LETS_ENCRYPT, SECRET, certificate, write
from zoneproof.acme import AccountKey
from zoneproof.migration.certbot import read_certbot

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


def test_hooks_of_a_relative_folder_are_stored_with_absolute_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewal(tmp_path / "cbcopy", "authenticator = standalone")
    program = write(tmp_path / "cbcopy/renewal-hooks/deploy/reload.sh", "#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    (task,) = only(read_certbot(Path("cbcopy"))).tasks
    assert task.definition.fields == {"command": str(program)}


def test_hooks_of_cli_ini_are_carried_over_and_what_else_it_says_is_told(tmp_path: Path) -> None:
    renewal(tmp_path, "authenticator = standalone\nrenew_hook = /bin/old\npost_hook = /bin/own")
    write(
        tmp_path / "cli.ini",
        "# for all\n[section]\nagree-tos\nmax-log-backups = 0\nkey-type: rsa  # bigger\n"
        "deploy-hook = systemctl reload nginx ; quickly\npre-hook='/bin/before --now'\n",
    )
    found = read_certbot(tmp_path)
    before, deploy, after = only(found).tasks
    assert before.secrets == {"command": "/bin/before --now"}
    assert deploy.definition.fields == {"unit": "nginx", "action": "reload"}
    assert after.definition.fields == {"command": "/bin/own"}
    (note,) = found.notes
    assert note.startswith(f"{tmp_path}/cli.ini: key-type of it may be newer")


def test_at_the_first_certificate_of_a_private_ca_it_is_said_how_it_is_trusted(
    tmp_path: Path,
) -> None:
    renewal(tmp_path, "authenticator = standalone", "a.example")
    for name in ("b.example", "c.example"):
        private = "authenticator = standalone\nserver = https://ca.internal/directory"
        renewal(tmp_path, private, name)
    told = "if https://ca.internal/directory is a private CA, give its root once,"
    assert {
        one.name: [note for note in one.notes if "a private CA" in note]
        for one in read_certbot(tmp_path).certificates
    } == {
        "a.example": [],
        "b.example": [f"{told} `zoneproof renew b.example --ca-bundle FILE`"],
        "c.example": [],
    }


def test_a_certificate_that_gets_another_account_says_so(tmp_path: Path) -> None:
    key = JWKRSA(key=private_key(1))
    renewal(tmp_path, "authenticator = standalone")
    account(tmp_path, key)
    told = [note for note in only(read_certbot(tmp_path)).notes if "account" in note]
    assert told == []
    account(tmp_path, key).rename(tmp_path / "accounts" / HOST / "b2")
    (told_of,) = [note for note in only(read_certbot(tmp_path)).notes if "account" in note]
    assert told_of.startswith("its account a1 is not in certbot's folder, so another one is used")
    renewal(tmp_path, "authenticator = standalone\naccount = b2", "b.example")
    renewal(tmp_path, "authenticator = standalone\naccount = b2", "c.example")
    account(tmp_path, key)
    notes = {one.name: "; ".join(one.notes) for one in read_certbot(tmp_path).certificates}
    assert "its account a1 is not the first one at its CA" in notes["example.com"]
    assert "account" not in notes["b.example"]


def test_hooks_whose_folder_is_not_known_are_not_carried_over(tmp_path: Path) -> None:
    renewal(
        tmp_path,
        "authenticator = standalone\npre_hook = ./stop.sh\n"
        "renew_hook = hooks/reload.sh $RENEWED_LINEAGE\npost_hook = /opt/start --now",
    )
    account(tmp_path, JWKRSA(key=private_key(0)))
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
