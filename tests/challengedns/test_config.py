"""Every wrong configuration is told in one line that names the file and the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.challenge_service import write_config
from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.dns.wire import CNAME, to_wire
from zoneproof.challengedns.dns.zonefile import compile_zones
from zoneproof.core.errors import ConfigError
from zoneproof.core.names import DomainName
from zoneproof.serving.sockets import Endpoint

MINIMAL = """
[dns]
listen = ["0.0.0.0:53", "[::]:53"]
[api]
listen = ["127.0.0.1:8080"]
[[zones]]
name = "Auth.Example.ORG."
nameservers = ["ns.example.net"]
hostmaster = "hostmaster@example.org"
"""


def refused(path: Path) -> str:
    """Return the error of a configuration, which is one line that begins with the file."""
    with pytest.raises(ConfigError) as caught:
        compile_zones(path, load_config(path).zones)
    message = caught.value.message
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_a_minimal_configuration_gets_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "zoneproof.toml"
    path.write_text(MINIMAL)
    config = load_config(path)
    assert config.dns.listen == (Endpoint("0.0.0.0", 53), Endpoint("::", 53))
    assert str(config.dns.listen[1]) == "[::]:53"
    assert config.dns.workers >= 1
    assert config.dns.value_ttl == 1
    assert config.dns.rate_limit == 200
    assert config.dns.tcp_connections is None
    assert config.api.connections is None
    assert config.value_lifetime == 7 * 86400
    assert config.database == tmp_path / "challenge.db"
    assert config.api.certificate is None
    assert config.api.cors_origins == ()
    assert config.api.open_registration is False
    assert config.registration_zone == DomainName("auth.example.org")
    assert len(compile_zones(path, config.zones)) == 1


@pytest.mark.parametrize("name", ["ns1", ".", "*.example.net", "192.0.2.1"])
def test_a_name_server_has_the_whole_name_of_a_host(tmp_path: Path, name: str) -> None:
    path = tmp_path / "zoneproof.toml"
    path.write_text(MINIMAL.replace("ns.example.net", name))
    assert refused(path) == (
        f"zone auth.example.org: '{name}' in 'nameservers' is not the whole name of a host: write"
        " it as ns1.auth.example.org"
    )


def test_new_registrations_live_in_the_first_zone_that_takes_them(tmp_path: Path) -> None:
    path = tmp_path / "zoneproof.toml"
    second = MINIMAL[MINIMAL.index("[[zones]]") :].replace("Auth.Example.ORG.", "b.example")
    path.write_text(MINIMAL + "registrations = false\n" + second)
    assert load_config(path).registration_zone == DomainName("b.example")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"0.0.0.0:53"', '"0.0.0.0"', "'dns.listen': '0.0.0.0' is not an address and port"),
        ('"0.0.0.0:53"', '"localhost:53"', "'dns.listen': 'localhost:53' is not an address"),
        ('"0.0.0.0:53"', '"::1:53"', "'dns.listen': '::1:53' is not an address"),
        ('"0.0.0.0:53"', '"127.0.0.1:65536"', "'dns.listen'"),
        ('"127.0.0.1:8080"', '"[127.0.0.1]:80"', "'api.listen'"),
        ('["127.0.0.1:8080"]', "[]", "'api.listen'"),
        ('["127.0.0.1:8080"]', '"127.0.0.1:8080"', "'api.listen'"),
        ("[api]", "[api]\nport = 80", "'api.port' is not known"),
        (
            "[api]",
            '[api]\ntls = "on"',
            "'api.tls': 'on' is not a valid value: write 'off', 'file' or",
        ),
        (
            "[api]",
            '[api]\ntls = "auto"\ndomain = "auth.example.org"\nacme_email = "somebody"',
            "'api.acme_email': 'somebody' is not an e-mail address",
        ),
        ("[api]", '[api]\ntls = "auto"', "give the API's name as 'api.domain' too"),
        (
            "[api]",
            '[api]\ntls = "auto"\ndomain = "api.example.net"',
            "api.example.net is not a name in the service's zones",
        ),
        (
            "[api]",
            '[metrics]\nlisten = "9153"\n[api]',
            "'metrics.listen': '9153' is not an address",
        ),
        ("[api]", '[log]\nformat = "xml"\n[api]', "'log.format'"),
        ("[api]", '[api]\ntls = "file"', "give 'api.certificate' and 'api.key' too"),
        ("[api]", '[api]\nkey = "x"', 'used only with tls = "file"'),
        ("[api]", '[api]\ntrusted_proxies = ["proxy"]', "'api.trusted_proxies': 'proxy'"),
        ("[api]", '[api]\ncors_origins = ["example.org"]', "'api.cors_origins': 'example.org'"),
        ("[api]", "[api]\nrate_limit_address = -1", "'api.rate_limit_address'"),
        ("[dns]", "[dns]\nvalue_ttl = 61", "'dns.value_ttl'"),
        ("[dns]", "[dns]\nworkers = 0", "'dns.workers'"),
        ("[dns]", "[dns]\ntcp_connections = 0", "'dns.tcp_connections'"),
        (
            "[dns]",
            'value_lifetime = "7 days"\n[dns]',
            "'value_lifetime': '7 days' is not a duration",
        ),
        ("[dns]", 'value_lifetime = "5s"\n[dns]', "'value_lifetime': 5s is too short"),
        ('"127.0.0.1:8080"', '"0.0.0.0:53"', "0.0.0.0:53 is there twice: name each address"),
        ('"0.0.0.0:53"', '"[::0]:53"', "[::]:53 is there twice"),
        ("[api]", '[metrics]\nlisten = "127.0.0.1:8080"\n[api]', "127.0.0.1:8080 is there twice"),
        ("[dns]", 'database = ""\n[dns]', "'database': '' is not the name of a file"),
        ("[dns]", 'database = "/"\n[dns]', "'database': '/' is not the name of a file"),
        ("[dns]", 'database = "a\\u0000b"\n[dns]', "a text in it has the character"),
        ("[dns]", "[[dns]]", "'dns'"),
        ("[[zones]]", "[zones]", "'zones'"),
        ("Auth.Example.ORG.", "*.example.org", "'zones[0].name'"),
        ("Auth.Example.ORG.", "a..b", "'zones[0].name': 'a..b' is not a domain name"),
        ('["ns.example.net"]', "[]", "'zones[0].nameservers'"),
        ('"ns.example.net"', '"ns 1"', "'zones[0].nameservers': 'ns 1'"),
        ('"ns.example.net"', '"ns.auth.example.org"', "such as 'ns A 192.0.2.1'"),
        ('"ns.example.net"', '"auth.example.org"', "such as '@ A 192.0.2.1'"),
        ("hostmaster@example.org", "host master", "'hostmaster' is 'host master'"),
        ("hostmaster@example.org", "somebody", "'hostmaster' is 'somebody'"),
        ("hostmaster@example.org", "two words@example.org", "which is not a mail address"),
        ("hostmaster@example.org", "@example.org", "which is not a mail address"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "zoneproof.toml"
    assert old in MINIMAL
    path.write_text(MINIMAL.replace(old, new, 1))
    assert message in refused(path)


def test_two_zones_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "zoneproof.toml"
    path.write_text(MINIMAL + MINIMAL[MINIMAL.index("[[zones]]") :])
    assert "auth.example.org is listed twice" in refused(path)


def test_a_service_without_a_zone_for_registrations_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "zoneproof.toml"
    path.write_text(MINIMAL + "registrations = false\n")
    assert "no zone holds registrations" in refused(path)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("nonsense", "line 8 of 'records' (nonsense)"),
        ("www A 192.0.2.300", "write one record as"),
        ("www.example.net. A 192.0.2.1", "the name is not in the zone"),
        ("www A 192.0.2.1 192.0.2.2", "line 8"),
        ("$INCLUDE /etc/passwd", "line 8"),
        ("$ORIGIN example.net.", "line 8"),
        ("@ SOA a b 1 2 3 4 5", "SOA cannot be here"),
        ("sub NS ns.example.net.", "NS cannot be here"),
        ("sub DNAME example.net.", "DNAME cannot be here"),
        (f"sub DS 1 8 2 {64 * 'a'}", "DS cannot be here"),
        ("www CH TXT x", "line 8"),
        (f'www TXT "v=DKIM1; p={"a" * 250}"', '\'name TXT "first part" "second part"\''),
        (f"www TXT {'a' * 256}", "split a longer one into several in quotes"),
        (f'www TXT "{"ä" * 200}"', "at most 255 bytes"),
        ("@ CNAME example.net.", "cannot be a CNAME"),
        ("alias A 192.0.2.1", "a name with a CNAME can have no other record"),
        ("target CNAME x", "a name with a CNAME can have no other record"),
        ("alias CNAME other", "a name with a CNAME can have no other record"),
        ("x.inner.deep A 192.0.2.1", "in the zone inner.deep.example.com: move the record there"),
        ("inner.deep A 192.0.2.1", "in the zone inner.deep.example.com"),
    ],
)
def test_a_wrong_record_is_named_with_its_zone_and_line(
    tmp_path: Path, record: str, message: str
) -> None:
    said = refused(write_config(tmp_path, records=record))
    assert message in said
    assert said.startswith("zone example.com, line 8 of 'records'")


@pytest.mark.parametrize("name", ["", "x.", "X.Y."])
def test_names_of_registrations_are_not_for_static_records(tmp_path: Path, name: str) -> None:
    path = write_config(tmp_path)
    record = f"{name}C2E8F0A0-0000-4000-8000-000000000000 A 192.0.2.1"
    path.write_text(path.read_text().replace("a.b.c   TXT", f"{record}\na.b.c   TXT"))
    assert "are for registrations" in refused(path)


@pytest.mark.parametrize(
    "record",
    [
        "demo CNAME target",
        "demo.example.com. CNAME target.example.com.",
        "  demo.example.com.   60 IN   CNAME  target.example.com.  ; a comment",
        "DEMO IN 60 CNAME TARGET",
    ],
)
def test_a_record_may_be_written_in_any_usual_way(tmp_path: Path, record: str) -> None:
    path = write_config(tmp_path, records=record)
    data = compile_zones(path, load_config(path).zones)[1]
    (found,) = [rrset for rrset in data.rrsets if rrset.owner == to_wire("demo.example.com")]
    assert found.rdtype == CNAME
    assert found.rdatas[0].lower() == to_wire("target.example.com")


def test_the_same_record_twice_is_one(tmp_path: Path) -> None:
    path = write_config(tmp_path, records="w A 192.0.2.1\nw 60 A 192.0.2.1\nw A 192.0.2.2")
    data = compile_zones(path, load_config(path).zones)[1]
    (found,) = [rrset for rrset in data.rrsets if rrset.owner == to_wire("w.example.com")]
    assert found.ttl == 60
    assert found.rdatas == (bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2]))
