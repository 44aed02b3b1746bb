"""acme.sh's folders: accounts, certificates with their settings, and what is broken."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.migration.acme_sh_folder import KEY, b64, certificate_of, conf, home, only
from tests.support.trees import ACCOUNT_URL, LETS_ENCRYPT, SECRET, write
from zoneproof.acme import AccountKey
from zoneproof.migration.acme_sh import read_acme_sh
from zoneproof.providers import slugs

ZEROSSL = "https://acme.zerossl.com/v2/DV90"


def test_the_account_is_read(tmp_path: Path) -> None:
    found = read_acme_sh(home(tmp_path))
    assert found.problems == ()
    account = found.accounts[0]
    assert (account.directory_url, account.account_url) == (LETS_ENCRYPT, ACCOUNT_URL)
    assert account.key.thumbprint == KEY.thumbprint
    assert account.contact == ("mailto:you@example.com",)


def test_a_cas_path_of_several_folders_and_the_old_form_are_read(tmp_path: Path) -> None:
    home(tmp_path)
    write(tmp_path / "ca/acme.zerossl.com/v2/DV90/account.key", AccountKey.generate().to_pem())
    write(
        tmp_path / "ca/acme-staging-v02.api.letsencrypt.org/account.key",
        AccountKey.generate().to_pem(),
    )
    assert {one.directory_url for one in read_acme_sh(tmp_path).accounts} == {
        LETS_ENCRYPT,
        ZEROSSL,
        "https://acme-staging-v02.api.letsencrypt.org/directory",
    }


def test_the_port_of_a_ca_comes_from_its_certificates(tmp_path: Path) -> None:
    url = "https://ca.example:14000/acme/dir"
    home(tmp_path)
    write(tmp_path / "ca/ca.example/acme/dir/account.key", AccountKey.generate().to_pem())
    certificate_of(tmp_path, Le_API=url)
    assert url in {one.directory_url for one in read_acme_sh(tmp_path).accounts}


def test_a_key_in_another_place_is_followed(tmp_path: Path) -> None:
    elsewhere = write(tmp_path / "keys/account.key", AccountKey.generate("ES384").to_pem())
    home(tmp_path, ACCOUNT_KEY_PATH=str(elsewhere))
    (tmp_path / "ca/acme-v02.api.letsencrypt.org/directory/account.key").unlink()
    assert read_acme_sh(tmp_path).accounts[0].key.algorithm == "ES384"


def test_a_certificate_and_its_credentials_are_read(tmp_path: Path) -> None:
    home(tmp_path, SAVED_CF_Token=SECRET, SAVED_CF_Account_ID="abc")
    path = certificate_of(tmp_path, Le_Alt="*.example.com,192.0.2.1")
    found = read_acme_sh(tmp_path)
    made = only(found)
    assert made.name == "example.com"
    assert [str(name) for name in made.identifiers] == ["example.com", "*.example.com", "192.0.2.1"]
    assert (made.directory_url, made.key_type) == (LETS_ENCRYPT, "ec256")
    assert (made.method.challenge, made.method.provider) == ("dns-01", "cloudflare")
    assert made.method.fields == {"api_token": SECRET}
    assert made.source == path
    assert made.chain_pem == path.parent / "fullchain.cer"
    assert made.private_key == path.parent / "example.com.key"
    assert any("has no provider" in note for note in made.notes) == ("cloudflare" not in slugs())
    assert SECRET not in repr(found)


def test_settings_in_base64_are_read(tmp_path: Path) -> None:
    certificate_of(home(tmp_path), Le_Preferred_Chain=b64("ISRG Root X1"))
    assert only(read_acme_sh(tmp_path)).preferred_chain == "ISRG Root X1"


@pytest.mark.parametrize("is_default", [False, True])
def test_a_part_of_a_roots_name_becomes_the_whole_one(tmp_path: Path, is_default: bool) -> None:
    """acme.sh's wiki, Preferred-Chain: a part will do, in any case, also for all of a CA."""
    own = "" if is_default else b64("EXAMPLE")
    certificate_of(home(tmp_path), Le_Preferred_Chain=own)  # issued by itself, by example.com
    if is_default:
        path = tmp_path / "ca/acme-v02.api.letsencrypt.org/directory/ca.conf"
        path.write_text(f"{path.read_text()}DEFAULT_PREFERRED_CHAIN='EXAMPLE'\n")
    made = only(read_acme_sh(tmp_path))
    assert made.preferred_chain == "example.com"
    assert not any("preferred chain" in note for note in made.notes)


def test_a_preferred_chain_that_is_not_the_present_one_is_told(tmp_path: Path) -> None:
    certificate_of(home(tmp_path), Le_Preferred_Chain=b64("X2"))
    made = only(read_acme_sh(tmp_path))
    assert made.preferred_chain == "X2"
    assert any("'X2', its preferred chain, has to be the whole name" in one for one in made.notes)


def test_what_ran_and_where_copies_went_becomes_tasks(tmp_path: Path) -> None:
    certificate_of(
        home(tmp_path),
        Le_PreHook=b64("systemctl stop nginx && sleep 1"),
        Le_PostHook="no",
        Le_ReloadCmd=b64(f"curl -H {SECRET}"),
        Le_RealKeyPath="/etc/nginx/key.pem",
        Le_RealFullChainPath="/etc/nginx/cert.pem",
        Le_RealCertPath="relative.pem",
        Le_DeployHook="haproxy",
        Le_DNSSleep="120",
    )
    made = only(read_acme_sh(tmp_path))
    copied, before, reload = made.tasks
    paths = {"key": "/etc/nginx/key.pem", "fullchain": "/etc/nginx/cert.pem"}
    assert (copied.definition.task, copied.definition.fields) == ("copy", paths)
    assert (before.definition.name, before.definition.when) == ("pre-hook", "before")
    assert before.secrets == {"command": "/bin/sh -c 'systemctl stop nginx && sleep 1'"}
    assert (reload.definition.name, reload.definition.when) == ("reload", "issued")
    assert reload.definition.fields == {}
    assert reload.secrets == {"command": f"curl -H {SECRET}"}
    assert any("fixed wait" in note for note in made.notes)
    assert any("Le_DeployHook is not carried over" in note for note in made.notes)
    assert SECRET not in repr(made)


def test_a_bundle_by_which_the_ca_is_trusted_is_to_be_given_again(tmp_path: Path) -> None:
    certificate_of(home(tmp_path, CA_BUNDLE="/etc/ssl/own-ca.pem"))
    made = only(read_acme_sh(tmp_path))
    (note,) = [note for note in made.notes if "acme.sh trusts its CA" in note]
    assert f"`zoneproof renew {made.name} --ca-bundle /etc/ssl/own-ca.pem`" in note
    conf(tmp_path / "account.conf", {"CA_PATH": "/etc/ssl/certs"})
    (note,) = [note for note in only(read_acme_sh(tmp_path)).notes if "trusts its CA" in note]
    assert note.endswith("--ca-bundle FILE`, with those in /etc/ssl/certs")


def test_hooks_run_where_acme_sh_ran_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = certificate_of(
        home(tmp_path / "acme"),
        Le_PreHook=b64("./stop.sh"),
        Le_ReloadCmd=b64('../hooks/reload.sh "$CERT_PATH"'),
        Le_PostHook=b64("$HOME/start.sh --now"),
    ).parent
    monkeypatch.chdir(tmp_path)
    commands = [
        {**one.definition.fields, **one.secrets}["command"]
        for one in only(read_acme_sh(Path("acme"))).tasks
    ]
    assert commands == [
        f"{folder}/stop.sh",
        shlex.join(["/bin/sh", "-c", f'cd {folder} && ../hooks/reload.sh "$CERT_PATH"']),
        shlex.join(["/bin/sh", "-c", "$HOME/start.sh --now"]),
    ]


@pytest.mark.parametrize(
    ("paths", "written"),
    [
        ({"Cert": "/a", "CACert": "/a", "Key": "/k"}, [{"fullchain": "/a"}, {"key": "/k"}]),
        ({"Cert": "/a", "CACert": "/a", "FullChain": "/a"}, [{"fullchain": "/a"}]),
        (
            {"Cert": "/a", "CACert": "/a", "FullChain": "/b"},
            [{"fullchain": "/a"}, {"fullchain": "/b"}],
        ),
        ({"Cert": "/a", "FullChain": "/a", "Key": "/k"}, [{"fullchain": "/a", "key": "/k"}]),
    ],
)
def test_parts_at_one_path_become_what_acme_sh_left_there(
    tmp_path: Path, paths: dict[str, str], written: list[dict[str, str]]
) -> None:
    settings = {f"Le_Real{one}Path": at for one, at in paths.items()}
    certificate_of(home(tmp_path), ecc=True, **settings)
    tasks = only(read_acme_sh(tmp_path)).tasks
    assert [one.definition.fields for one in tasks] == written


def test_the_key_is_kept_unless_acme_sh_made_a_new_one(tmp_path: Path) -> None:
    home(tmp_path)
    certificate_of(tmp_path, "kept.example")
    certificate_of(tmp_path, "fresh.example", Le_ForceNewDomainKey="1")
    found = {one.name: one.reuse_key for one in read_acme_sh(tmp_path).certificates}
    assert found == {"kept.example": True, "fresh.example": False}


def test_certificates_with_one_name_get_names_of_their_own(tmp_path: Path) -> None:
    home(tmp_path)
    certificate_of(tmp_path, "example.com")
    certificate_of(tmp_path, "example.com", ecc=False)
    certificate_of(tmp_path, "*.example.com")
    found = {one.name: one.source.name for one in read_acme_sh(tmp_path).certificates}
    assert found == {
        "example.com": "example.com.conf",
        "example.com-2": "example.com.conf",
        "example.com-3": "*.example.com.conf",
    }
    kinds = {one.name: one.key_type for one in read_acme_sh(tmp_path).certificates}
    assert kinds["example.com-2"] == "rsa2048"


def test_certificates_in_another_place_are_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "certs"
    home(tmp_path / "home", CERT_HOME=str(elsewhere))
    certificate_of(elsewhere)
    assert only(read_acme_sh(tmp_path / "home")).name == "example.com"


def test_nothing_is_run(tmp_path: Path) -> None:
    mark = tmp_path / "run"
    home(tmp_path)
    write(
        tmp_path / "account.conf",
        f'SAVED_CF_Token="$(touch {mark})"\nSAVED_CF_Email=`touch {mark}`\nCF_Key=a; touch {mark}\n'
        f"SAVED_CF_Zone_ID='{SECRET}'s'\nexport CF_Email=\"e@example.com\" # mine\n",
    )
    certificate_of(tmp_path)
    found = read_acme_sh(tmp_path)
    assert not mark.exists()
    assert only(found).method.fields == {"email": "e@example.com"}
    names = ["SAVED_CF_Token", "SAVED_CF_Email", "CF_Key", "SAVED_CF_Zone_ID"]
    assert [problem.split()[4] for problem in found.problems] == names
    assert not any(SECRET in problem for problem in found.problems)


@pytest.mark.parametrize(
    "change",
    [
        {"Le_Domain": ""},
        {"Le_Domain": "a..b"},
        {"Le_Alt": "bad name"},
    ],
)
def test_a_broken_certificate_is_a_problem_and_the_rest_is_read(
    tmp_path: Path, change: dict[str, str]
) -> None:
    home(tmp_path)
    path = certificate_of(tmp_path, "broken.example", ecc=True, **change)
    certificate_of(tmp_path)
    found = read_acme_sh(tmp_path)
    assert only(found).name == "example.com"
    assert [problem.partition(": ")[0] for problem in found.problems] == [str(path)]


@pytest.mark.parametrize("content", ["", SECRET, "\x00"])
def test_a_broken_account_key_is_a_problem(tmp_path: Path, content: str) -> None:
    home(tmp_path)
    path = write(tmp_path / "ca/acme-v02.api.letsencrypt.org/directory/account.key", content)
    found = read_acme_sh(tmp_path)
    assert found.accounts == ()
    assert found.problems[0].startswith(f"{path}: ")
    assert SECRET not in found.problems[0]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ec-256", "ec256"),
        ("ec-384", "ec384"),
        ("ec-521", "ec384"),
        ("EC-384", "ec384"),
        ("ec384", "ec384"),
        ("ecc-384", "ec384"),
        ("384", "ec384"),
        ("P-384", "ec384"),
        ("secp384r1", "ec384"),
        ("prime256v1", "ec256"),
        ("2048", "rsa2048"),
        ("rsa-4096", "rsa4096"),
        ("RSA 3072", "rsa3072"),
        ("8192", "rsa4096"),
        ("", "ec256"),
        ("no", "ec256"),
        ("ec-x", "ec256"),
        ("9" * 30, "ec256"),
        ("rsa-256", "ec256"),
    ],
)
def test_a_key_length_is_read_in_any_spelling_else_the_key_is_as_it_is(
    tmp_path: Path, text: str, kind: str
) -> None:
    certificate_of(home(tmp_path), Le_Keylength=text)
    found = read_acme_sh(tmp_path)
    assert only(found).key_type == kind
    assert found.problems == ()


def test_without_a_certificate_an_unknown_key_length_is_told(tmp_path: Path) -> None:
    path = certificate_of(home(tmp_path), Le_Keylength="ec-x")
    (path.parent / "fullchain.cer").unlink()
    made = only(read_acme_sh(tmp_path))
    assert made.key_type == "ec256"
    assert any("its key type is not known" in note for note in made.notes)


def test_another_folder_says_so(tmp_path: Path) -> None:
    assert "account.conf and ca are not in it" in read_acme_sh(tmp_path).problems[0]
