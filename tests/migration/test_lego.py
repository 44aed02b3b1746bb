"""lego's folders, as the source of lego 4 and of lego 5.3 writes them (cmd/internal)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.migration.lego_folder import EMAIL, KEY, lego4, lego5, one_certificate
from tests.support.trees import ACCOUNT_URL, LETS_ENCRYPT, SECRET, certificate, write
from zoneproof.acme import AccountKey
from zoneproof.migration.lego import read_lego
from zoneproof.migration.lego_settings import LegoSettings


@pytest.mark.parametrize("make", [lego4, lego5])
def test_an_account_of_either_version_is_read(tmp_path: Path, make: Any) -> None:
    place = make(tmp_path)
    found = read_lego(tmp_path)
    assert found.problems == ()
    account = found.accounts[0]
    assert (account.directory_url, account.account_url) == (LETS_ENCRYPT, ACCOUNT_URL)
    assert account.key.thumbprint == KEY.thumbprint
    assert (account.contact, account.source) == ((f"mailto:{EMAIL}",), place)


def test_lego_5_tells_the_directory_of_any_ca(tmp_path: Path) -> None:
    lego5(tmp_path, "ca.example_14000", server="https://ca.example:14000/dir")
    assert read_lego(tmp_path).accounts[0].directory_url == "https://ca.example:14000/dir"


def test_lego_4_needs_to_be_told_the_directory_of_an_unknown_ca(tmp_path: Path) -> None:
    place = lego4(tmp_path, "ca.example_14000", "https://ca.example:14000/acct/1")
    found = read_lego(tmp_path)
    assert found.accounts == ()
    assert found.problems[0].startswith(f"{place}/account.json: ")
    assert "--ca" in found.problems[0]
    told = read_lego(tmp_path, directory_url="https://ca.example:14000/dir")
    assert told.accounts[0].directory_url == "https://ca.example:14000/dir"
    assert told.accounts[0].account_url == "https://ca.example:14000/acct/1"


def test_a_certificate_is_read_without_its_provider(tmp_path: Path) -> None:
    lego4(tmp_path)
    path = one_certificate(tmp_path)
    found = read_lego(tmp_path)
    assert len(found.certificates) == 1
    made = found.certificates[0]
    assert made.name == "example.com"
    assert [str(name) for name in made.identifiers] == ["*.example.com", "example.com", "192.0.2.1"]
    assert (made.directory_url, made.key_type) == (LETS_ENCRYPT, "ec256")
    assert (made.method.challenge, made.method.provider) == ("dns-01", "")
    assert (made.chain_pem, made.private_key) == (path, path.with_suffix(".key"))
    assert any("do not name its DNS provider" in note for note in made.notes)
    assert SECRET not in repr(found)


def test_a_name_and_its_wildcard_get_names_of_their_own(tmp_path: Path) -> None:
    one_certificate(tmp_path)
    one_certificate(tmp_path, "example.com")
    found = {one.name: one.source.name for one in read_lego(tmp_path).certificates}
    assert found == {"example.com": "example.com.crt", "example.com-2": "_.example.com.crt"}


def test_a_certificate_has_the_ca_of_its_own_url(tmp_path: Path) -> None:
    lego4(tmp_path)
    lego5(tmp_path, "ca.example", server="https://ca.example/dir")
    one_certificate(tmp_path, certUrl="https://ca.example/cert/1")
    assert read_lego(tmp_path).certificates[0].directory_url == "https://ca.example/dir"


def test_a_ca_that_nothing_tells_is_noted(tmp_path: Path) -> None:
    one_certificate(tmp_path, certUrl="", certStableUrl="")
    made = read_lego(tmp_path).certificates[0]
    assert made.directory_url == ""
    assert any("--ca" in note for note in made.notes)


def test_rsa_keys_keep_their_length(tmp_path: Path) -> None:
    path = one_certificate(tmp_path)
    write(path, certificate("example.com", key=rsa.generate_private_key(65537, 4096)))
    assert read_lego(tmp_path).certificates[0].key_type == "rsa4096"


def test_an_identity_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    place = lego5(tmp_path, id="../../../outside", email="")
    write(tmp_path / "outside.key", AccountKey.generate().to_pem())
    (place / "mine.key").unlink()
    found = read_lego(tmp_path)
    assert found.accounts == ()
    assert found.problems == (f"{place}: the account's key is not in it",)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"email": 5}', '{"registration": []}'])
def test_a_broken_account_is_a_problem_and_the_rest_is_read(tmp_path: Path, content: str) -> None:
    place = lego4(tmp_path)
    write(place / "account.json", content)
    lego5(tmp_path)
    found = read_lego(tmp_path)
    assert len(found.accounts) == 1
    assert [problem.partition(": ")[0] for problem in found.problems] == [f"{place}/account.json"]


@pytest.mark.parametrize(
    "content", ["", SECRET, "-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----\n"]
)
def test_a_broken_key_is_a_problem(tmp_path: Path, content: str) -> None:
    place = lego4(tmp_path)
    path = write(place / "keys" / f"{EMAIL}.key", content)
    found = read_lego(tmp_path)
    assert found.accounts == ()
    assert found.problems[0].startswith(f"{path}: ")
    assert SECRET not in found.problems[0]


def test_broken_certificates_are_problems_and_the_rest_is_read(tmp_path: Path) -> None:
    one_certificate(tmp_path)
    broken = write(tmp_path / "certificates/broken.crt", SECRET)
    found = read_lego(tmp_path)
    assert len(found.certificates) == 1
    assert [problem.partition(": ")[0] for problem in found.problems] == [str(broken)]


def test_another_folder_says_so(tmp_path: Path) -> None:
    assert "accounts and certificates are not in it" in read_lego(tmp_path).problems[0]


CONFIG = """
hooks:
  pre:
    command: ./before.sh
  deploy:
    command: systemctl reload nginx
    timeout: 3s
  post: {command: "/usr/local/bin/told --token topsecret && x"}
certificates: {foo: {challenge: one}}
"""


def test_hooks_of_the_configuration_file_become_tasks(tmp_path: Path) -> None:
    folder = tmp_path / ".lego"
    lego5(folder)
    one_certificate(folder)
    (tmp_path / ".lego.yml").write_text(CONFIG)
    found = read_lego(folder)
    assert not found.problems
    assert not found.notes
    (certificate,) = found.certificates
    tasks = {one.definition.name: one for one in certificate.tasks}
    assert {name: one.definition.when for name, one in tasks.items()} == {
        "pre-hook": "before",
        "deploy-hook": "issued",
        "post-hook": "always",
    }
    before, deploy, after = tasks.values()
    assert before.definition.fields == {"command": f"{tmp_path}/before.sh"}
    assert deploy.definition.task == "systemd"
    assert deploy.definition.fields == {"unit": "nginx", "action": "reload"}
    # lego gives nothing to a shell, and a command with arguments may hold a secret.
    assert after.definition.fields == {}
    assert after.secrets == {"command": "/usr/local/bin/told --token topsecret '&&' x"}


def test_hooks_of_the_environment_go_before_those_of_the_file(tmp_path: Path) -> None:
    folder = tmp_path / ".lego"
    one_certificate(folder)
    (tmp_path / ".lego.yaml").write_text(CONFIG)
    variables = {"LEGO_DEPLOY_HOOK": "/etc/lego/reload.sh"}
    found = read_lego(folder, settings=LegoSettings(variables=variables))
    tasks = {one.definition.name: one.definition for one in found.certificates[0].tasks}
    assert tasks["deploy-hook"].fields == {"command": "/etc/lego/reload.sh"}
    assert set(tasks) == {"pre-hook", "deploy-hook", "post-hook"}


def test_without_hooks_it_is_said_where_lego_may_have_them(tmp_path: Path) -> None:
    one_certificate(tmp_path)
    found = read_lego(tmp_path)
    assert found.certificates[0].tasks == ()
    (note,) = found.notes
    assert "`zoneproof edit NAME --deploy-hook COMMAND`" in note


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("hooks: [", "it is not YAML"),
        ("hooks: {deploy: 7}", "it is not of the form expected"),
        ("a: &a {k: v}\nb: {<<: [*a, *a]}", "it has an alias"),
        ("[" * 100_000, "it is nested too deeply"),
        ("- " * 100_000, "it is nested too deeply"),
    ],
)
def test_a_configuration_file_that_cannot_be_read_is_a_problem(
    tmp_path: Path, text: str, problem: str
) -> None:
    folder = tmp_path / ".lego"
    one_certificate(folder)
    (tmp_path / ".lego.yml").write_text(text)
    found = read_lego(folder)
    assert len(found.certificates) == 1
    assert any(problem in one for one in found.problems)


WHOLE = """
storage: .lego
accounts: {mine: {server: https://acme-v02.api.letsencrypt.org/directory, email: a@b.example}}
challenges:
  cf:
    dns: {provider: cloudflare, envFile: cf.env, propagation: {wait: 30s}}
  files:
    http: {webroot: /srv/www}
  own:
    http: {address: "192.0.2.1:8080"}
  bucket:
    http: {s3Bucket: mine}
certificates:
  "*.example.com": {challenge: cf, profile: tlsserver, renew: {days: 30, reuseKey: true}}
  files.example: {challenge: files, preferredChain: ISRG Root X2}
  own.example: {challenge: own}
  bucket.example: {challenge: bucket}
  plain.example: {challenge: http-01}
  alpn.example: {challenge: tls-alpn-01}
  stays.example: {challenge: dns-persist-01}
  lost.example: {challenge: gone}
"""


@pytest.mark.parametrize("where", ["../.lego.yml", "../.lego.yaml", ".lego.bck.yaml"])
def test_the_configuration_of_lego_5_tells_how_each_certificate_is_validated(
    tmp_path: Path, where: str
) -> None:
    """Its keys are those of ``configuration.go``; the backup in the folder has them, too."""
    folder = tmp_path / ".lego"
    lego5(folder)
    names = ("files", "own", "bucket", "plain", "alpn", "stays", "lost")
    one_certificate(folder, id="*.example.com", profile="shortlived")
    for name in names:
        one_certificate(folder, f"{name}.example", id=f"{name}.example")
    (tmp_path / "cf.env").write_text("CLOUDFLARE_DNS_API_TOKEN=topsecret\n")
    (folder / where).write_text(WHOLE)
    found = read_lego(folder)
    assert found.problems == ()
    made = {one.name: one for one in found.certificates}
    wildcard = made["example.com"]
    assert (wildcard.method.provider, wildcard.method.lacks) == ("cloudflare", "")
    assert wildcard.method.fields == {"api_token": "topsecret"}
    assert (wildcard.profile, wildcard.reuse_key) == ("tlsserver", True)
    methods = {name: made[f"{name}.example"].method for name in names}
    assert (methods["files"].challenge, methods["files"].webroot) == ("http-01", "/srv/www")
    assert made["files.example"].preferred_chain == "ISRG Root X2"
    assert methods["own"].listen == "192.0.2.1:8080"
    assert methods["plain"].listen == ":80"
    assert methods["stays"].challenge == "dns-persist-01"
    for name, words in (
        ("bucket", "a bucket"),
        ("alpn", "tls-alpn-01"),
        ("lost", "no challenge 'gone'"),
    ):
        assert words in methods[name].notes[0]


def test_the_provider_of_the_command_goes_before_the_configuration(tmp_path: Path) -> None:
    folder = tmp_path / ".lego"
    one_certificate(folder, id="*.example.com")
    (folder / ".lego.bck.yaml").write_text(WHOLE)
    given = LegoSettings("desec", {"DESEC_TOKEN": "topsecret"})
    (made,) = read_lego(folder, settings=given).certificates
    assert made.method.provider == "desec"


def test_lego_5_keeps_profile_and_chain_beside_a_certificate(tmp_path: Path) -> None:
    one_certificate(tmp_path, profile="shortlived", preferredChain="ISRG Root X1")
    (made,) = read_lego(tmp_path).certificates
    assert (made.profile, made.preferred_chain) == ("shortlived", "ISRG Root X1")
