"""Managed certificates by the command line: defined, changed, removed; their keys and files."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from tests.cli.managing import add, issue, leaf
from tests.support.peers.knot import TSIG_SECRET
from tests.support.world import World

# --- defining --------------------------------------------------------------------------------


def test_issue_saves_what_it_was_told_and_the_name_alone_does_it_again(world: World) -> None:
    issue(world, "example.com", "*.example.com")
    first = leaf(world, "example.com")
    again = world.run("issue", "example.com", "--force")
    assert again.status == 0, again.stderr
    second = leaf(world, "example.com")
    assert second.serial_number != first.serial_number
    names = second.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"example.com", "*.example.com"}


def test_every_time_in_json_is_in_utc_and_ends_in_z(world: World) -> None:
    told = [issue(world, "example.com", "--json")]
    for command in ("list", "show example.com", "history example.com", "account list"):
        told.append(world.run(*command.split(), "--json"))
    for result in told:
        found = re.findall(r'"(\d{4}-\d\d-\d\dT[^"]*)"', result.stdout)
        assert found
        assert all(re.fullmatch(r"[-\dT:.]+Z", one) for one in found), found


def test_secrets_go_to_a_credential_and_are_shown_nowhere(world: World) -> None:
    outputs = [issue(world, "example.com").stdout]
    for command in (["list"], ["show", "example.com"], ["history", "example.com"]):
        for more in ([], ["--json"]):
            result = world.run(*command, *more)
            assert result.status == 0
            outputs.append(result.stdout + result.stderr)
    assert not any(TSIG_SECRET in text for text in outputs)
    assert world.shown("example.com")["definition"]["method"] == [
        {"credential": "example.com-rfc2136"}
    ]


def test_add_saves_without_obtaining_and_renew_obtains(world: World) -> None:
    assert add(world, "example.com").status == 0
    assert not (world.home / "live").exists()
    assert world.shown("example.com")["status"] == "missing"
    result = world.run("renew", *world.ca_options[1:])
    assert result.status == 0, result.stderr
    assert "example.com: renewed (it is missing)" in result.stdout
    assert world.shown("example.com")["status"] == "valid"


def test_edit_changes_what_is_said_and_tells_it(world: World) -> None:
    add(world, "example.com")
    result = world.run(
        "edit", "example.com", "--add-name=www.example.com", "--key-type=rsa2048", "--ttl=120"
    )
    assert result.status == 0, result.stderr
    assert "identifiers: example.com, www.example.com (was example.com)" in result.stdout
    assert "key_type: rsa2048" in result.stdout
    assert "next: zoneproof issue example.com" in result.stdout
    definition = world.shown("example.com")["definition"]
    assert definition["method"] == [{"credential": "example.com-rfc2136", "ttl": 120}]
    world.run("edit", "example.com", "--remove-name=www.example.com")
    assert world.shown("example.com")["definition"]["identifiers"] == ["example.com"]


def test_a_certificate_whose_names_were_changed_is_due(world: World) -> None:
    issue(world, "example.com")
    world.run("edit", "example.com", "--add-name=www.example.com")
    assert world.shown("example.com")["status"] == "due"
    result = world.run("renew")
    assert "its names were changed" in result.stdout
    names = leaf(world, "example.com").extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert "www.example.com" in names.value.get_values_for_type(x509.DNSName)


def test_a_certificate_of_another_ca_than_the_defined_one_is_due(world: World) -> None:
    issue(world, "example.com")
    world.run("edit", "example.com", "--account=https://127.0.0.1:9/dir")
    shown = world.shown("example.com")
    assert (shown["status"], shown["reason"]) == ("due", "its CA account was changed")


def test_methods_written_as_toml_share_the_names_by_their_rules(world: World) -> None:
    add(world, "example.com")
    result = world.run(
        "edit",
        "example.com",
        "--add-name=www.example.net",
        '--method=match="*.example.com", credential="example.com-rfc2136"',
        '--method=credential="example.com-rfc2136", ttl=5',
    )
    assert result.status == 0, result.stderr
    result = world.run("renew", *world.ca_options[1:])
    assert result.status == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", "example.com"], "say how example.com is validated"),
        (["add", "exa mple.com", "--credential=x"], "exa mple.com"),
        (["add", "example.com", "--credential=x"], "no credential 'x'"),
        (["add", "example.com", "--provider=cloudflar"], "no provider 'cloudflar'"),
        (["add", "*.example.com", "--webroot=/srv"], "http-01 cannot validate"),
        (["add", "example.com", "--webroot=/srv", "--provider=manual"], "one way to validate"),
        (["add", "example.com", "--field=a=b"], "add --provider"),
        (["add", "example.com", "--method=nonsense"], "cannot be read"),
        (
            ["add", "example.com", '--method=provider="manual"', "--ttl=5"],
            "--method defines a whole method",
        ),
        (["add", "example.com", "--provider=manual", "--delegation=a"], "source:target"),
        (["add", "example.com", "--provider=manual", "--propagation=soon"], "propagation"),
        (["add", "example.com", "--provider=manual", "--resolver=here"], "here"),
        (["add", "a.example.com", "*.example.com", "--provider=manual"], "covered by"),
        (
            ["add", "example.com", "--provider=manual", "--name=../x"],
            "not a valid certificate name",
        ),
        (["edit", "nothing.example", "--ttl=1"], "no managed certificate 'nothing.example'"),
        (["show", "nothing.example"], "no managed certificate"),
        (["history", "nothing.example"], "there is no certificate"),
        (["remove", "nothing.example"], "no managed certificate"),
        (["renew", "nothing.example"], "no managed certificate"),
        (["resume", "nothing.example"], "no managed certificate"),
        (["revoke", "nothing.example", "--yes"], "no managed certificate"),
    ],
)
def test_wrong_input_is_told_in_one_line_and_saves_nothing(
    world: World, arguments: list[str], words: str
) -> None:
    result = world.run(*arguments)
    assert result.status == 2, result.stdout
    assert words in result.stderr
    assert result.stderr.startswith("zoneproof: ")
    assert result.stderr.count("\n") == 1
    assert world.run("list", "--json").stdout.strip() == "[]"


def test_a_near_miss_of_a_name_is_suggested(world: World) -> None:
    add(world, "example.com")
    assert "did you mean 'example.com'?" in world.run("show", "exmaple.com").stderr
    assert "the certificate example.com already exists" in add(world, "example.com").stderr


def test_remove_forgets_the_definition_and_keeps_files_unless_told(world: World) -> None:
    issue(world, "example.com")
    assert world.run("remove", "example.com", "--yes").status == 0
    assert (world.home / "live/example.com/privkey.pem").exists()
    assert json.loads(world.run("list", "--json").stdout) == []
    assert "removed" in world.run("history", "example.com").stdout

    issue(world, "example.com")
    removed = world.run("remove", "Example.COM.", "--delete-files", "--yes", "--json")
    assert json.loads(removed.stdout) == {"removed": "example.com", "files_deleted": True}
    assert not (world.home / "live/example.com").exists()
    assert not (world.home / "archive/example.com").exists()


def test_wrong_settings_name_the_file(world: World) -> None:
    (world.home / "settings.toml").write_text("paralel = 3\n")
    result = world.run("list")
    assert result.status == 2
    assert "settings.toml" in result.stderr
    assert "paralel" in result.stderr


# --- keys and files --------------------------------------------------------------------------


def test_a_key_is_new_at_each_renewal_unless_it_is_to_be_kept(world: World) -> None:
    issue(world, "example.com", "--reuse-key")
    keys = [leaf(world, "example.com").public_key()]
    world.run("renew", "example.com", "--force")
    keys.append(leaf(world, "example.com").public_key())
    world.run("edit", "example.com", "--new-key")
    world.run("renew", "example.com", "--force")
    keys.append(leaf(world, "example.com").public_key())
    assert keys[0] == keys[1] != keys[2]


def test_the_kind_of_key_is_the_chosen_one(world: World) -> None:
    issue(world, "example.com", "--key-type=rsa3072")
    key = load_pem_private_key((world.home / "live/example.com/privkey.pem").read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 3072


def test_a_reused_key_of_another_kind_is_replaced(world: World) -> None:
    issue(world, "example.com", "--reuse-key")
    world.run("edit", "example.com", "--key-type=rsa2048")
    assert world.run("renew", "example.com", "--force").status == 0
    assert isinstance(leaf(world, "example.com").public_key(), rsa.RSAPublicKey)


def test_pkcs12_is_written_on_request_and_opens_with_its_password(world: World) -> None:
    (world.folder / "password").write_text("correct horse\n")
    issue(world, "example.com", f"--pkcs12-password=@{world.folder / 'password'}")
    bundle = world.home / "live/example.com/bundle.p12"
    assert stat.S_IMODE(bundle.resolve().stat().st_mode) == 0o600
    key, certificate, chain = pkcs12.load_key_and_certificates(
        bundle.read_bytes(), b"correct horse"
    )
    assert certificate == leaf(world, "example.com")
    assert key is not None
    assert len(chain) == 1
    world.run("renew", "--force")
    assert bundle.resolve().name == "bundle2.p12"


@pytest.fixture
def good(world: World) -> World:
    """A home whose certificate example.com works."""
    issue(world, "example.com")
    return world


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def leave_first_alone(path: Path) -> None:
    end = b"-----END CERTIFICATE-----\n"
    path.write_bytes(path.read_bytes().split(end)[0] + end)


def change_a_byte(path: Path) -> None:
    pem = path.read_bytes()
    middle = len(pem) // 2
    path.write_bytes(
        pem[:middle] + (b"A" if pem[middle : middle + 1] != b"A" else b"B") + pem[middle + 1 :]
    )


@pytest.mark.parametrize("file", ["cert.pem", "chain.pem", "fullchain.pem"])
@pytest.mark.parametrize("damage", [truncate, empty, change_a_byte])
def test_a_damaged_file_makes_a_certificate_due(
    good: World, damage: Callable[[Path], None], file: str
) -> None:
    damage((good.home / "live/example.com" / file).resolve())
    require_repaired_by_renew(good, ".pem")


def test_a_full_chain_without_its_chain_makes_a_certificate_due(good: World) -> None:
    leave_first_alone((good.home / "live/example.com/fullchain.pem").resolve())
    require_repaired_by_renew(good, "chain.pem is not a part of fullchain.pem")


@pytest.mark.parametrize("file", ["cert.pem", "chain.pem", "fullchain.pem", "privkey.pem"])
def test_a_folder_in_the_place_of_a_file_is_told_and_in_the_way(good: World, file: str) -> None:
    path = good.home / "live/example.com" / file
    path.unlink()
    path.mkdir()
    assert f"{path} cannot be read: Is a directory" in good.shown("example.com")["problem"]
    refused = good.run("renew")
    assert refused.status == 1
    assert f"{path} is a directory, where a link" in refused.stderr
    assert "order placed" not in refused.stdout
    path.rmdir()
    assert good.run("renew", "--force").status == 0
    assert good.shown("example.com")["problem"] == ""


def require_repaired_by_renew(world: World, problem: str) -> None:
    shown = world.shown("example.com")
    assert shown["status"] == "missing"
    assert problem in shown["problem"]
    renewed = world.run("renew")
    assert "1 renewed" in renewed.stdout, renewed.stdout + renewed.stderr
    assert world.shown("example.com")["problem"] == ""


def test_files_deleted_or_exchanged_by_hand_make_a_certificate_due(world: World) -> None:
    issue(world, "example.com")
    issue(world, "www.example.com")
    (world.home / "live/example.com/fullchain.pem").unlink()
    key = world.home / "live/www.example.com/privkey.pem"
    key.unlink()
    key.write_bytes((world.home / "live/example.com/privkey.pem").read_bytes())
    listed = {one["name"]: one for one in json.loads(world.run("list", "--json").stdout)}
    assert listed["example.com"]["problem"].endswith("fullchain.pem is missing")
    assert "is not the key of" in listed["www.example.com"]["problem"]
    assert {one["status"] for one in listed.values()} == {"missing"}
    assert world.run("renew").status == 0
    assert world.shown("example.com")["status"] == "valid"
    assert world.shown("www.example.com")["problem"] == ""
