"""``zoneproof challenge init``: from nothing to a first certificate with what it prints."""

from __future__ import annotations

import os
import re
import shlex
import signal
from pathlib import Path

import pytest

from tests.challengedns.new_service import init, options, refused, run
from tests.cli.terminal import run_at_terminal
from tests.support.command import run_zoneproof
from tests.support.peers.knot import Knot
from tests.support.peers.unbound import Unbound
from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.dns.zonefile import compile_zones
from zoneproof.challengedns.runtime.config_template import default_dns_listen
from zoneproof.testing.background import BackgroundServer
from zoneproof.testing.pebble import Pebble
from zoneproof.testing.ports import free_port

PARENT = "127.0.0.8"
ZONE_FILE = """$ORIGIN {name}.
$TTL 1
@ SOA ns hostmaster {serial} 3600 600 86400 1
@ NS ns
ns A {address}
{records}
"""


def indented(text: str) -> list[str]:
    """Return the lines that are meant to be taken over as they are."""
    return [line[2:] for line in text.splitlines() if re.match(r"  \S", line)]


def test_the_file_makes_sense_and_is_not_for_everybody(tmp_path: Path) -> None:
    extra = ["--address=2001:db8::1", "--agree-tos", "--email=admin@example.org"]
    done = init(*options(tmp_path), *extra)
    assert done.status == 0, done.stderr
    path = tmp_path / "zoneproof.toml"
    assert path.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "state/challenge.db").stat().st_mode & 0o777 == 0o600
    config = load_config(path)
    (zone,) = compile_zones(path, config.zones)
    assert config.api.auto is not None
    assert [str(name) for name in config.api.auto.domains] == ["api.auth.example.org"]
    assert config.api.auto.agree_tos
    assert [str(each) for each in config.dns.listen] == ["0.0.0.0:53", "[::]:53"]
    assert len(zone.rrsets) == 5
    records = [line for line in indented(done.stdout) if " IN " in line]
    assert records == [
        "auth.example.org. 3600 IN NS ns1.auth.example.org.",
        "ns1.auth.example.org. 3600 IN A 198.51.100.7",
        "ns1.auth.example.org. 3600 IN AAAA 2001:db8::1",
    ]


@pytest.mark.parametrize(
    ("zone", "hostmaster"),
    [
        ("auth.example.org", "hostmaster@example.org"),
        ("example-auth.org", "hostmaster@example-auth.org"),
    ],
)
def test_the_hostmaster_is_not_at_a_top_level_domain(
    tmp_path: Path, zone: str, hostmaster: str
) -> None:
    assert init(*options(tmp_path, zone=zone), "--agree-tos").status == 0
    assert load_config(tmp_path / "zoneproof.toml").zones[0].hostmaster == hostmaster


def test_one_name_server_is_named_as_what_it_is(tmp_path: Path) -> None:
    done = init(*options(tmp_path), "--agree-tos")
    assert "This is one name server, on one machine." in done.stdout
    assert "checkers that want two name servers (Zonemaster) say so" in done.stdout


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("192.168.1.5", "Public CAs cannot reach 192.168.1.5, an address of a private network"),
        ("fd00::5", "Public CAs cannot reach fd00::5"),
        ("127.0.0.1", "Only this machine itself reaches 127.0.0.1: for all others, --address is"),
        ("198.51.100.7", ""),
    ],
)
def test_an_address_that_no_public_ca_reaches_is_told(
    tmp_path: Path, address: str, told: str
) -> None:
    done = init(*options(tmp_path, address=address), "--agree-tos")
    assert done.status == 0, done.stderr
    assert told in done.stdout
    assert bool(re.search("Public CAs cannot|Only this", done.stdout)) == bool(told)


def test_an_address_that_is_given_twice_has_one_record(tmp_path: Path) -> None:
    twice = ["--address=2001:db8::1", "--address=2001:DB8:0::1", "--address=198.51.100.7"]
    assert init(*options(tmp_path), *twice, "--agree-tos").status == 0
    text = (tmp_path / "zoneproof.toml").read_text()
    assert re.findall(r"^ns1 +(A+) +(.*)$", text, re.MULTILINE) == [
        ("A", "198.51.100.7"),
        ("AAAA", "2001:db8::1"),
    ]


def test_every_setting_that_is_commented_out_exists(tmp_path: Path) -> None:
    assert init(*options(tmp_path), "--agree-tos").status == 0
    path = tmp_path / "zoneproof.toml"
    text = path.read_text()
    enabled = re.sub(
        r"^# ((\w+ = |\[metrics\]|\[\[secondaries\]\]).*)$", r"\1", text, flags=re.MULTILINE
    )
    path.write_text(enabled)
    config = load_config(path)
    assert config.metrics is not None
    assert config.dns.workers == 4
    assert config.secondaries


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"zone": "nodots"}, "--zone: 'nodots' is a single label, which is a top-level domain"),
        ({"zone": "."}, "--zone: '.' is the root"),
        ({"zone": "*.example.org"}, "--zone: '*.example.org' is a wildcard"),
        ({"zone": "192.0.2.1"}, "--zone: '192.0.2.1' is an IP address"),
        ({"address": "here"}, "'here' is not an IP address"),
        ({"address": "0.0.0.0"}, "--address: 0.0.0.0 is not the address of a machine"),
        ({"address": "ff02::1"}, "--address: ff02::1 is not the address of a machine"),
        ({"api_listen": "0.0.0.0:53"}, "0.0.0.0:53 is there twice"),
        ({"zone": "a..b"}, "'a..b' is not a domain name"),
        ({"hostmaster": "me@@"}, "--hostmaster: 'me@@' is not an e-mail address: write it as"),
        ({"hostmaster": "somebody"}, "--hostmaster: 'somebody' is not an e-mail address"),
        ({"nameserver": "*.example.org"}, "--nameserver: '*.example.org' is not the name of a"),
        ({"nameserver": "ns1"}, "--nameserver: 'ns1' is a single label: write a whole name, such"),
        ({"nameserver": "192.0.2.1"}, "--nameserver: '192.0.2.1' is an IP address: write a whole"),
        ({"api_name": "api", "tls": "off"}, "--api-name: 'api' is a single label: write a whole"),
        ({"dns_listen": "127.0.0.1"}, "--dns-listen: '127.0.0.1' is not an address and port"),
        ({"tenant": "Big"}, "--tenant: 'Big' is not a valid tenant name"),
        (
            {"api_name": "api.elsewhere.net"},
            "api.elsewhere.net is not a name in the service's zones",
        ),
        ({"user": "zp-unknown"}, "useradd --system --no-create-home zp-unknown"),
        ({"user": "zp-unknown"}, "zoneproof: --user: there is no user"),
        ({"api_listen": "here"}, "zoneproof: --api-listen: 'here' is not an address and port"),
        ({"ca": "letsencrpyt"}, "'letsencrpyt' is not a known CA: use letsencrypt"),
        ({"ca_bundle": "/does/not/exist"}, "the CA bundle /does/not/exist cannot be used"),
    ],
)
def test_what_cannot_be_used_is_refused_and_nothing_is_written(
    tmp_path: Path, changed: dict[str, str], text: str
) -> None:
    assert text in refused(*options(tmp_path, **changed), "--agree-tos")
    assert not list(tmp_path.iterdir())


def test_what_is_missing_is_named_where_nobody_can_be_asked(tmp_path: Path) -> None:
    config = [f"--config={tmp_path / 'zoneproof.toml'}", "--user=root"]
    assert "--zone is missing" in refused(*config)
    assert "--address is missing" in refused(*config, "--zone=auth.example.org")
    line = refused(*config, "--zone=auth.example.org", "--address=198.51.100.7")
    assert "--agree-tos" in line
    assert "--tls off" in line


@pytest.mark.parametrize(
    "given",
    [
        "--user=zp-unknown",
        "--tenant=Big",
        "--hostmaster=somebody",
        "--nameserver=a..b",
        "--api-name=a..b",
        "--api-listen=443",
        "--address=here",
    ],
)
def test_what_is_given_is_checked_before_anything_is_asked(tmp_path: Path, given: str) -> None:
    base = [f"--config={tmp_path / 'zoneproof.toml'}", "--user=root"]
    assert refused(*base, given).startswith(f"zoneproof: {given.partition('=')[0]}: ")


def test_a_person_is_asked_for_what_is_missing(tmp_path: Path) -> None:
    config, database = tmp_path / "zoneproof.toml", tmp_path / "challenge.db"
    given = [f"--config={config}", f"--database={database}", "--user=root", "--tls=off"]
    zone, address = "such as auth.example.org:", "addresses, separated by spaces:"
    empty = "write an answer, or press Ctrl-C to end this"
    told = run_at_terminal(
        ["challenge", "init", *given],
        [
            (zone, ""),
            (empty, "auth.example.org"),
            (address, ","),
            ("write at least one address", "198.51.100.7 2001:db8::1"),
        ],
        {},
    )
    assert told.status == 0, told.stdout
    assert "[]" not in told.stdout
    assert "ns1.auth.example.org. 3600 IN AAAA 2001:db8::1" in told.stdout


def test_what_is_no_e_mail_address_is_refused(tmp_path: Path) -> None:
    done = init(*options(tmp_path), "--agree-tos", "--email=somebody")
    assert done.status == 2
    assert "Invalid value for '--email': 'somebody' is not an e-mail address" in done.stderr
    assert not list(tmp_path.iterdir())


def test_plain_http_is_for_this_machine_alone_unless_somebody_says_where(tmp_path: Path) -> None:
    done = init(*options(tmp_path), "--tls=off")
    path = tmp_path / "zoneproof.toml"
    assert [str(each) for each in load_config(path).api.listen] == ["127.0.0.1:8080"]
    assert "http://127.0.0.1:8080/k/" in done.stdout
    assert "UDP and TCP at 0.0.0.0:53,\n   reachable from everywhere" in done.stdout
    here = init(*options(tmp_path, dns_listen="127.0.0.1:5353"), "--tls=off", "--force")
    assert "Only this machine reaches its DNS, at 127.0.0.1:5353." in here.stdout
    said = options(tmp_path, api_listen="0.0.0.0:443")
    assert init(*said, "--tls=off", "--force").status == 0
    assert [str(each) for each in load_config(path).api.listen] == ["0.0.0.0:443"]


@pytest.mark.skipif(os.geteuid() != 0, reason="root has a default of its own")
def test_all_commands_of_root_look_for_the_configuration_where_init_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = "/etc/zoneproof/zoneproof.toml"
    if Path(root).exists():
        pytest.skip(f"{root} exists here")
    monkeypatch.chdir(tmp_path)
    for command in (["serve"], ["serve", "--check"], ["tenant", "list"], ["registration", "list"]):
        done = run_zoneproof("challenge", *command)
        assert done.status == 2
        assert f"{root} does not exist" in done.stderr
    help_text = run_zoneproof("challenge", "init", "--help").stdout
    assert "for root in /etc/zoneproof" in " ".join(help_text.split())


def test_it_listens_at_the_address_itself_where_this_machine_has_it() -> None:
    assert default_dns_listen(("127.0.0.1",)) == ("127.0.0.1:53",)
    assert default_dns_listen(("127.0.0.1", "198.51.100.7")) == ("0.0.0.0:53",)


class Printed(BackgroundServer):
    """The service, started with the command that was printed."""

    def __init__(self, command: str) -> None:
        super().__init__("the challenge service", shlex.split(command), "challenge service ready")


def test_whoever_follows_what_is_printed_gets_a_certificate(tmp_path: Path) -> None:
    port, api_port = free_port(), free_port()
    done = init(
        *options(
            tmp_path,
            zone="auth.example.org",
            address="127.0.0.1",
            dns_listen=f"127.0.0.1:{port}",
            api_listen=f"127.0.0.1:{api_port}",
            tls="off",
        )
    )
    assert done.status == 0, done.stderr
    lines = indented(done.stdout)
    records = [line for line in lines if " IN " in line]
    serve, check = (line for line in lines if " challenge serve " in line)
    (key,) = (line for line in lines if re.fullmatch(r"zp_\S+", line))
    (export,) = (line for line in lines if line.startswith("export "))
    (issue,) = (line for line in lines if " issue " in line)
    (setting,) = shlex.split(export)[1:]
    name, _, server = setting.partition("=")
    assert server == f"http://127.0.0.1:{api_port}/k/{key}"

    def zones(serial: int, cname: str = "") -> dict[str, str]:
        return {
            zone: ZONE_FILE.format(name=zone, serial=serial, address=PARENT, records=held)
            for zone, held in (
                ("example.org", "\n".join(records)),
                ("example.com", f"www A 192.0.2.80\n{cname}"),
            )
        }

    asked = ["--resolver", f"{PARENT}:{port}", "--authoritative-port", str(port)]
    with Printed(serve) as service:
        stubs = {
            "auth.example.org": [f"127.0.0.1@{port}"],
            "example.org": [f"{PARENT}@{port}"],
            "example.com": [f"{PARENT}@{port}"],
        }
        with (
            Unbound(tmp_path / "unbound", stubs) as unbound,
            Pebble(tmp_path / "pebble", dns_server=f"127.0.0.1:{unbound.port}") as pebble,
        ):
            command = [
                *shlex.split(issue),
                *("--ca", pebble.directory_url, "--ca-bundle", str(pebble.ca_bundle)),
                *("--resolver", f"127.0.0.1:{unbound.port}", "--authoritative-port", str(port)),
            ]
            environment = {name: server, "ZONEPROOF_HOME": str(tmp_path / "client")}
            with Knot(tmp_path / "knot", zones(1), address=PARENT, port=port, updates=False):
                checked = run([*shlex.split(check), *asked])
                assert checked.returncode == 0, checked.stdout
                assert "example.org delegates auth.example.org" in checked.stdout
                first = run(command, environment=environment)
                assert first.returncode == 3, first.stderr
                (cname,) = (
                    line.strip() for line in first.stdout.splitlines() if " IN CNAME " in line
                )
            with Knot(
                tmp_path / "knot2", zones(2, cname), address=PARENT, port=port, updates=False
            ):
                second = run(command, environment=environment)
                assert second.returncode == 0, second.stderr
        assert (tmp_path / "client/live/www.example.com/fullchain.pem").exists()
        assert service.stop(signal.SIGTERM) == 0
