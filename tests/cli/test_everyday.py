"""Options that people type without thinking: certbot's habits, less or more output, logs, CSRs."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from tests.cli.inside import Inside
from tests.cli.managing import add_broken, issue, leaf
from tests.cli.terminal import run_at_terminal
from tests.support.change_txt import change
from tests.support.command import Result
from tests.support.fake_acme_dns import FakeAcmeDns
from tests.support.fake_http import fake_http_server
from tests.support.peers.knot import TSIG_SECRET
from tests.support.world import World
from zoneproof.acme import CertificateKey, make_key, public_der

# --- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("-d", "a.example", "-d", "*.a.example"),
        ("-d", "a.example,*.a.example"),
        ("--domains", "a.example, *.a.example,"),
        ("a.example", "--domain", "*.a.example"),
        ("a.example", "*.a.example"),
    ],
)
def test_names_can_be_given_as_to_certbot(inside: Inside, words: tuple[str, ...]) -> None:
    inside.good("add", *words, "--provider=manual")
    shown = json.loads(inside.good("show", "a.example", "--json"))
    assert shown["identifiers"] == ["a.example", "*.a.example"]


@pytest.mark.parametrize(("one", "other"), [("a.example", "A.Example"), ("A.Example", "a.example")])
def test_a_name_that_another_spelling_reaches_is_refused(
    inside: Inside, tmp_path: Path, one: str, other: str
) -> None:
    inside.good("add", "a.example", f"--name={one}", "--provider=manual")
    applied = tmp_path / "certs.toml"
    text = inside.good("list", "--toml").replace(f'name = "{one}"', f'name = "{other}"')
    applied.write_text(text)
    for command in (
        ("add", "a.example", f"--name={other}", "--provider=manual"),
        ("issue", "b.example", f"--name={other}", "--provider=manual"),
        ("apply", f"--file={applied}", "--yes"),
    ):
        refused = inside.run(*command)
        assert refused.status != 0
        assert f"'{other}' is another spelling of the certificate {one}" in refused.stderr
    assert [row["name"] for row in json.loads(inside.good("list", "--json"))] == [one]
    inside.good("edit", one, "--add-name=c.example")


@pytest.mark.parametrize("command", ["issue", "add"])
def test_no_name_at_all_is_asked_for(inside: Inside, command: str) -> None:
    result = inside.run(command, "--provider=manual")
    assert result.status == 2
    assert "name at least one identifier, such as example.com" in result.stderr


# --- a certificate that already exists -------------------------------------------------------


def test_a_certificate_that_is_valid_and_unchanged_stays(world: World) -> None:
    issue(world, "example.com", "www.example.com")
    serial = leaf(world, "example.com").serial_number
    for words in (["example.com"], ["-d", "example.com,www.example.com", *world.rfc2136_options]):
        again = world.run("issue", *words)
        assert again.status == 0, again.stderr
        assert "unchanged: it stays; --force obtains a new one" in again.stdout
    told = world.run("issue", "example.com", "--json")
    assert (told.status, told.event_names) == (0, ["kept"])
    assert world.run("issue", "example.com", "--quiet") == Result(0, "", "")
    assert leaf(world, "example.com").serial_number == serial
    assert world.run("issue", "example.com", "--force").status == 0
    assert leaf(world, "example.com").serial_number != serial


@pytest.mark.parametrize(("answer", "version"), [("n", 1), ("y", 2)])
def test_at_a_terminal_it_is_asked_about(world: World, answer: str, version: int) -> None:
    issue(world, "example.com")
    result = run_at_terminal(
        ["issue", "example.com"], [("Obtain a new one anyway?", answer)], world.environment()
    )
    assert result.status == 0, result.stdout
    link = world.home / "live/example.com/cert.pem"
    assert link.resolve().name == f"cert{version}.pem"


@pytest.mark.parametrize(
    "change",
    [
        ("issue", "example.com", "www.example.com", "--name", "example.com"),
        ("issue", "example.com", "--key-type=ec384"),
        ("issue", "example.com", "--preferred-profile=shortlived"),
        ("edit", "example.com", "--propagation-timeout=500"),
        ("credential", "set", "example.com-rfc2136", "--field=port=1"),
    ],
)
def test_what_is_changed_is_obtained(world: World, change: tuple[str, ...]) -> None:
    issue(world, "example.com")
    serial = leaf(world, "example.com").serial_number
    if change[0] == "credential":
        # The credential of the command line is another one than that which is stored.
        assert world.run(*change).status == 0
        assert issue(world, "example.com").status == 0
    else:
        assert world.run(*change).status == 0
        assert world.run("issue", "example.com").status == 0
    assert leaf(world, "example.com").serial_number != serial


def test_one_that_was_revoked_or_lost_or_that_failed_is_obtained(world: World) -> None:
    for spoil in ("revoke", "lose", "fail"):
        issue(world, "example.com", "--force")
        serial = leaf(world, "example.com").serial_number
        if spoil == "revoke":
            assert world.run("revoke", "example.com", "--yes").status == 0
        elif spoil == "lose":
            (world.home / "live/example.com/privkey.pem").unlink()
        else:
            assert world.run("edit", "example.com", "--ca=https://127.0.0.1:1/dir").status == 0
            assert world.run("renew", "example.com", "--force").status == 1
            assert world.run("edit", "example.com", world.ca_options[0]).status == 0
        again = world.run("issue", "example.com")
        assert again.status == 0, again.stderr
        assert leaf(world, "example.com").serial_number != serial


# --- how much is told --------------------------------------------------------------------------


def test_quiet_prints_errors_only(world: World) -> None:
    assert issue(world, "example.com", "-q").stdout == ""
    quiet = world.run("renew", "--quiet")
    assert (quiet.status, quiet.stdout, quiet.stderr) == (0, "", "")
    assert world.run("renew", "-q", "--force") == Result(0, "", "")
    add_broken(world, "quiet.example.com")
    failed = world.run("renew", "quiet.example.com", "-q")
    assert (failed.status, failed.stdout) == (1, "")
    assert failed.stderr.startswith("quiet.example.com: failed (")
    assert failed.stderr.count("\n") == 1


def test_quiet_still_prints_the_records_that_a_person_has_to_create(world: World) -> None:
    result = world.run("issue", "-q", "m.example.com", "--provider=manual", *world.ca_options)
    assert result.status == 3
    assert "_acme-challenge.m.example.com." in result.stdout
    assert "order placed" not in result.stdout


def test_verbose_prints_every_step_and_every_request_to_the_ca(world: World) -> None:
    result = issue(world, "example.com", "-v")
    assert "planned: example.com at _acme-challenge.example.com" in result.stdout
    assert "serial number" in result.stdout
    assert f"GET {world.pebble.directory_url}: 200" in result.stderr
    assert TSIG_SECRET not in result.stdout + result.stderr


@pytest.mark.parametrize("words", [("-q", "-v"), ("-q", "--json"), ("-v", "--json")])
@pytest.mark.parametrize("command", ["issue", "renew", "run", "resume"])
def test_one_way_to_tell_is_chosen(inside: Inside, command: str, words: tuple[str, ...]) -> None:
    name = ["a.example"] if command in ("issue", "resume") else []
    result = inside.run(command, *name, *words)
    assert result.status == 2
    assert "choose one of --quiet, --verbose and --json" in result.stdout + result.stderr


# --- the log -----------------------------------------------------------------------------------


def test_each_certificate_has_a_private_log_of_what_happened(world: World) -> None:
    issue(world, "example.com")
    add_broken(world, "log.example.com")
    assert world.run("renew", "log.example.com").status == 1
    good = world.home / "logs/example.com.log"
    assert world.shown("example.com")["log"] == str(good)
    assert stat.S_IMODE(good.stat().st_mode) == 0o600
    text = good.read_text()
    for part in ("order placed for example.com", "/order-plz: 201"):
        assert part in text
    failed = (world.home / "logs/log.example.com.log").read_text()
    assert failed.splitlines()[-1].partition("  ")[2].startswith("Provider")
    assert TSIG_SECRET not in text + failed
    assert "log.example.com" not in text


def test_the_log_goes_with_the_files(world: World) -> None:
    issue(world, "example.com")
    assert world.run("remove", "example.com", "--yes", "--delete-files").status == 0
    assert not (world.home / "logs/example.com.log").exists()


def test_settings_say_where_the_log_is(world: World, tmp_path: Path) -> None:
    world.write_settings(f'log.folder = "{tmp_path}/elsewhere"')
    issue(world, "example.com")
    assert (tmp_path / "elsewhere/example.com.log").exists()
    world.write_settings("log.enabled = false")
    issue(world, "www.example.com")
    assert world.shown("www.example.com")["log"] == ""
    world.write_settings("log.max_bytes = 1")
    assert "log.max_bytes must be a number" in world.run("list").stderr


# --- signing requests that others made ---------------------------------------------------------


def write_csr(path: Path, *names: str, key: CertificateKey | None = None) -> bytes:
    """Write a request for the names; return the public key that it is for."""
    key = key or make_key("ec384")
    general = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    signed = builder.add_extension(general, critical=False).sign(key, hashes.SHA256())
    path.write_bytes(signed.public_bytes(Encoding.PEM))
    return public_der(key.public_key())


def test_a_certificate_is_obtained_for_a_request_and_renewed_with_the_same(
    world: World, tmp_path: Path
) -> None:
    file = tmp_path / "www.csr"
    public_key = write_csr(file, "example.com", "*.example.com")
    issue(world, "--csr", str(file))
    folder = world.home / "live/example.com"
    assert sorted(one.name for one in folder.iterdir()) == [
        "cert.pem",
        "chain.pem",
        "csr.pem",
        "fullchain.pem",
    ]
    assert (folder / "csr.pem").read_bytes() == file.read_bytes()
    assert public_der(leaf(world, "example.com").public_key()) == public_key
    assert world.shown("example.com")["status"] == "valid"

    serial = leaf(world, "example.com").serial_number
    file.unlink()  # it was taken over
    assert world.run("renew", "example.com", "--force").status == 0
    assert leaf(world, "example.com").serial_number != serial
    assert public_der(leaf(world, "example.com").public_key()) == public_key
    assert world.run("revoke", "example.com", "--yes").status == 0


def test_the_owner_can_bring_another_request_and_the_manager_a_key_of_its_own(
    world: World, tmp_path: Path
) -> None:
    file, folder = tmp_path / "www.csr", world.home / "live/example.com"
    issue(world, "example.com", "--pkcs12-password=x", "--key-type=rsa2048")
    assert (folder / "privkey.pem").exists()
    public_key = write_csr(file, "example.com")
    assert world.run("edit", "example.com", "--csr", str(file)).status == 0
    renewed = world.run("issue", "example.com")
    assert renewed.status == 0, renewed.stderr
    assert public_der(leaf(world, "example.com").public_key()) == public_key
    assert not (folder / "privkey.pem").exists()
    assert not (folder / "bundle.p12").exists()
    assert world.shown("example.com")["problem"] == ""

    # What --toml prints is what apply reads, and without the request there is a key again.
    toml = world.run("list", "--toml").stdout
    (tmp_path / "certs.toml").write_text(toml)
    applied = world.run("apply", "-f", str(tmp_path / "certs.toml"))
    assert "nothing to change" in applied.stdout, applied.stderr
    without = [line for line in toml.splitlines() if not line.startswith("csr = ")]
    (tmp_path / "certs.toml").write_text("\n".join(without))
    assert world.run("apply", "-f", str(tmp_path / "certs.toml"), "--yes").status == 0
    assert world.run("issue", "example.com").status == 0
    assert (folder / "privkey.pem").exists()
    assert not (folder / "csr.pem").exists()
    assert world.shown("example.com")["problem"] == ""


def test_a_request_moves_with_its_certificate(world: World, tmp_path: Path) -> None:
    file = tmp_path / "www.csr"
    write_csr(file, "example.com")
    issue(world, "--csr", str(file))
    archive, other = tmp_path / "home.zoneproof", tmp_path / "other"
    password = {"PASSWORD": "correct horse battery"}
    sealed = (str(archive), "--passphrase=env:PASSWORD")
    done = world.run("export", "--with-certificates", "-o", *sealed, environment=password)
    assert done.status == 0, done.stderr
    there = world.at(other)
    taken = there.run("import", "archive", *sealed, "--yes", environment=password)
    assert taken.status == 0, taken.stderr
    assert (there.home / "live/example.com/csr.pem").read_bytes() == file.read_bytes()
    assert there.shown("example.com")["status"] == "valid"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("issue", "other.example", "--csr", "{csr}"), "the names are those of the CSR"),
        (("issue", "--csr", "{csr}", "--key-type=ec256"), "how a.example is validated"),
        (
            ("add", "--csr", "{csr}", "--provider=manual", "--reuse-key"),
            "'reuse_key' does not apply",
        ),
        (
            ("add", "--csr", "{csr}", "--provider=manual", "--pkcs12-password="),
            "'pkcs12' does not apply",
        ),
        (("add", "--csr", "{csr}.none", "--provider=manual"), "cannot read"),
        (("add", "--csr", "{nonsense}", "--provider=manual"), "not a certificate signing request"),
        (("add", "--csr", "{key}", "--provider=manual"), "it contains a private key"),
    ],
)
def test_what_does_not_go_with_a_request_is_refused(
    inside: Inside, tmp_path: Path, words: tuple[str, ...], reason: str
) -> None:
    files = {name: tmp_path / name for name in ("csr", "nonsense", "key")}
    write_csr(files["csr"], "a.example")
    files["nonsense"].write_text("nonsense")
    files["key"].write_text("-----BEGIN PRIVATE KEY-----\n")
    paths = {name: str(path) for name, path in files.items()}
    result = inside.run(*(word.format(**paths) for word in words))
    assert result.status == 2
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1
    assert inside.good("list", "--json") == "[]\n"


def test_a_certificate_of_a_request_has_its_names(inside: Inside, tmp_path: Path) -> None:
    write_csr(tmp_path / "csr", "a.example", "b.example")
    inside.good("add", "--csr", str(tmp_path / "csr"), "--provider=manual")
    shown = json.loads(inside.good("show", "a.example", "--json"))
    assert shown["identifiers"] == ["a.example", "b.example"]
    result = inside.run("edit", "a.example", "--add-name", "c.example")
    assert result.status == 2
    assert "its names are those of its CSR, a.example, b.example" in result.stderr


# --- registrations before any order ------------------------------------------------------------


async def test_names_are_registered_and_their_cnames_printed_before_any_order(
    world: World,
) -> None:
    fake = FakeAcmeDns()
    fake.domain = "auth.example.net"
    async with fake_http_server(fake) as server:

        async def run(*words: str) -> Result:
            return await asyncio.to_thread(world.run, "registration", "add", *words)

        names = ("reg.example.com", "*.reg.example.com", "reg2.example.com")
        made = await run(*names, "--server", server.url)
        assert made.status == 3, made.stderr
        records = [line.strip() for line in made.stdout.splitlines() if " IN CNAME " in line]
        assert [record.partition(" ")[0] for record in records] == [
            "_acme-challenge.reg.example.com.",
            "_acme-challenge.reg2.example.com.",
        ]
        assert len(fake.accounts) == 2
        name, _, _, target = records[0].split()
        change(world.knot.port, name.removesuffix("."), target, rdtype="CNAME")
        again = await run(*names, "--server", server.url, "--json")
        complete = await run(names[0], "--server", server.url)
        assert (again.status, complete.status) == (3, 0)
        change(world.knot.port, name.removesuffix("."), target, rdtype="CNAME", remove=True)
        assert [one["record"] for one in json.loads(again.stdout)] == records
        assert [bool(one["advice"]) for one in json.loads(again.stdout)] == [False, True]
        assert len(fake.accounts) == 2
        # An order uses what is registered.
        where = ("--provider=acme-dns", "--server", server.url, *world.ca_options[:2])
        words = ("preview", names[2], *where)
        preview = await asyncio.to_thread(world.run, *words, "--json")
        assert records[1] in preview.events[0]["records"]
        target = records[1].split()[3].removesuffix(".")
        told = (await asyncio.to_thread(world.run, *words)).stdout
        assert f"  written to      the registration {target}\n" in told


async def test_a_name_that_is_not_registered_fails_and_the_others_are_told(world: World) -> None:
    fake = FakeAcmeDns()
    async with fake_http_server(fake) as server:
        words = ("registration", "add", "reg3.example.com", "--server", server.url)
        assert (await asyncio.to_thread(world.run, *words)).status == 3
    down = await asyncio.to_thread(world.run, *words, "reg4.example.com")
    assert down.status == 1
    assert "_acme-challenge.reg3.example.com. IN CNAME" in down.stdout
    assert "reg4.example.com" in down.stderr


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("a.example",), "name the service: --server URL, or --credential NAME"),
        (("192.0.2.1", "--server=https://a.example"), "is an IP address, which has no CNAME"),
        (("a.example", "--server=nonsense"), "the server's URL cannot be used"),
        (("a.example", "--credential=dns"), "only acme-dns and the challenge service"),
        (("a.example", "--credential=dns", "--field=a=b"), "the credential has all fields"),
        (("a..example", "--server=https://a.example"), "'a..example' is not a domain name"),
    ],
)
def test_what_cannot_be_registered_is_refused(
    inside: Inside, words: tuple[str, ...], reason: str
) -> None:
    fields = ("--field=server=192.0.2.53", "--field=key_name=k", "--field=secret=c2Vj")
    inside.good("credential", "add", "rfc2136", "--name=dns", *fields)
    result = inside.run("registration", "add", *words)
    assert result.status == 2
    assert reason in result.stderr
