"""``zoneproof challenge init`` for nodes: one after the other, and no password where it is seen."""

from __future__ import annotations

import json
import os
import pty
import pwd
import re
import secrets
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.support.challenge_service import Service, challenge_command, request
from tests.support.command import Result, run_zoneproof
from tests.support.peers.postgres import PASSWORD, USER, Postgres
from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.dns.zonefile import compile_zones
from zoneproof.challengedns.runtime.parent_records import addresses_of
from zoneproof.cli.challenge.init import init as init_command
from zoneproof.cli.challenge.init_node import password_file
from zoneproof.testing.ports import free_port

SECRET = {"PGPASSWORD": PASSWORD}
SERVERS = {"ns1": "127.0.0.1", "ns2": "127.0.0.2"}


@pytest.fixture
def url(postgres: Postgres, database: str) -> str:
    return f"postgresql://{USER}@127.0.0.1:{postgres.port}/{database}"


def options(folder: Path, url: str, which: str = "ns1", **changed: str) -> list[str]:
    zone = changed.get("zone", "auth.example.org")
    chosen = {
        "config": str(folder / f"{which}.toml"),
        "database": url,
        "zone": zone,
        "address": SERVERS[which],
        "nameserver": f"{which}.{zone}",
        "dns-listen": f"{SERVERS[which]}:{free_port(SERVERS[which])}",
        "api-listen": "127.0.0.1:0",
        "tls": "off",
        "user": "root",
        **changed,
    }
    others = [f"{name}.{zone}={address}" for name, address in SERVERS.items() if name != which]
    return [
        "challenge",
        "init",
        *(f"--{name}={value}" for name, value in chosen.items()),
        *(f"--other-nameserver={other}" for other in others),
    ]


def init(folder: Path, url: str, which: str = "ns1", **changed: str) -> Result:
    return run_zoneproof(*options(folder, url, which, **changed), environment=SECRET)


def with_own_replica(config: Path) -> Path:
    """Let nodes of one machine not share a replica, as root's would."""
    own = f'replica = "{config.with_suffix(".db")}"'
    config.write_text(re.sub("^replica = .*$", own, config.read_text(), flags=re.MULTILINE))
    return config


def started(folder: Path, url: str, stack: ExitStack, node: str) -> Service:
    done = init(folder, url, node)
    assert done.status == 0, done.stderr
    return stack.enter_context(Service(with_own_replica(folder / f"{node}.toml")))


def test_two_nodes_are_set_up_one_after_the_other(tmp_path: Path, url: str) -> None:
    with ExitStack() as stack:
        first = started(tmp_path, url, stack, "ns1")
        done = init(tmp_path, url, "ns2")
        assert done.status == 0, done.stderr
        assert "zp_" not in done.stdout
        assert "This node joins those that share the database" in done.stdout
        second = stack.enter_context(Service(with_own_replica(tmp_path / "ns2.toml")))
        for node in (first, second):
            node.wait_for_line("INFO node 'ns[12]' holds a lease")
        listed = challenge_command(tmp_path / "ns2.toml", "node", "list", "--json")
        nodes = json.loads(listed.stdout)["nodes"]
        assert [node["name"] for node in nodes] == ["ns1", "ns2"]
        assert all(node["answers"] for node in nodes)
        assert not any("serve other zones" in line for line in second.lines)
        config = load_config(tmp_path / "ns2.toml")
        assert [str(name) for name in config.zones[0].nameservers] == [
            "ns1.auth.example.org",
            "ns2.auth.example.org",
        ]


def test_a_second_node_gets_no_key_though_the_first_has_not_been_started(
    tmp_path: Path, url: str
) -> None:
    assert "zp_" in init(tmp_path, url, "ns1").stdout
    done = init(tmp_path, url, "ns2")
    assert done.status == 0, done.stderr
    assert "zp_" not in done.stdout
    assert "This node joins those that share the database" in done.stdout
    config = tmp_path / "ns2.toml"
    assert f"zoneproof challenge key create TENANT --config {config}" in done.stdout
    listed = challenge_command(config, "key", "list", "--json")
    assert [key["tenant"] for key in json.loads(listed.stdout)] == ["first"]
    other = tmp_path / "other"
    other.mkdir()
    assert "zp_" in init(other, url, "ns2", tenant="second").stdout


def test_the_certificate_of_a_node_has_the_name_of_its_own_name_server(
    tmp_path: Path, url: str
) -> None:
    chosen = {"tls": "auto", "address": "192.0.2.53", "dns-listen": "0.0.0.0:53"}
    done = run_zoneproof(*options(tmp_path, url, **chosen), "--agree-tos", environment=SECRET)
    assert done.status == 0, done.stderr
    config = load_config(tmp_path / "ns1.toml")
    assert [str(name) for name in config.api_names] == [
        "api.auth.example.org",
        "ns1.auth.example.org",
    ]
    assert config.node is not None
    assert str(config.node.address) == "192.0.2.53:53"
    (zone,) = compile_zones(config.path, config.zones)
    assert addresses_of(config.api_names[0], [zone]) == ("192.0.2.53", "127.0.0.2")


def test_the_password_is_kept_in_a_file_of_its_own(tmp_path: Path, url: str) -> None:
    done = run_zoneproof(*options(tmp_path, url), "--json", environment=SECRET)
    assert done.status == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["node"] == "ns1"
    assert said["licence_key"].startswith("zp_")
    assert {path.name for path in tmp_path.iterdir()} == {"ns1.toml", "ns1.pgpass"}
    kept = tmp_path / "ns1.pgpass"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.read_text() == "*:*:*:*:p@ss\\:word/%\n"
    assert PASSWORD not in done.stdout + done.stderr + (tmp_path / "ns1.toml").read_text()
    assert challenge_command(tmp_path / "ns1.toml", "tenant", "list").status == 0


def test_the_password_is_kept_on_a_file_system_without_links_too(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    init_command.main(options(tmp_path, url)[2:], standalone_mode=False)
    monkeypatch.delenv("PGPASSWORD")
    assert {path.name for path in tmp_path.iterdir()} == {"ns1.toml", "ns1.pgpass"}
    assert (tmp_path / "ns1.pgpass").stat().st_mode & 0o777 == 0o600
    assert challenge_command(tmp_path / "ns1.toml", "tenant", "list").status == 0


def test_what_only_root_s_password_file_has_is_kept_for_the_service_s_user(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_root = tmp_path / "of-root"
    of_root.write_text("*:*:*:*:p@ss\\:word/%\n")
    of_root.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(of_root))
    config = tmp_path / "ns1.toml"
    with password_file(url, config, None, may_replace=False) as found:
        assert found.in_url(url) == url
    user = pwd.getpwuid(os.getuid())
    with password_file(url, config, user, may_replace=False) as found:
        assert found.in_url(url) == f"{url}?passfile={tmp_path}/ns1.pgpass"
        found.keep()
    assert (tmp_path / "ns1.pgpass").read_text() == of_root.read_text()
    named = f"{url}?passfile={of_root}"
    with password_file(named, config, user, may_replace=False) as found:
        assert found.in_url(named) == named


def test_a_person_is_asked_for_the_password(tmp_path: Path, url: str) -> None:
    parent, child = pty.openpty()
    command = [sys.executable, "-m", "zoneproof", *options(tmp_path, url)]
    with subprocess.Popen(command, stdin=child, stdout=child, stderr=child) as process:
        os.close(child)
        said = ""
        while "Password for PostgreSQL at 127.0.0.1" not in said:
            assert select.select([parent], [], [], 30)[0], said
            said += os.read(parent, 4096).decode()
        os.write(parent, f"{PASSWORD}\n".encode())
        try:
            while more := os.read(parent, 4096):
                said += more.decode()
        except OSError:
            pass  # the other end of a terminal was closed
        assert process.wait(30) == 0, said
    os.close(parent)
    assert PASSWORD not in said
    assert challenge_command(tmp_path / "ns1.toml", "tenant", "list").status == 0


def refused(done: Result, folder: Path) -> str:
    """Return the one line that a failed run says; it leaves nothing behind."""
    assert done.status != 0
    assert not done.stdout
    (line,) = done.stderr.splitlines()
    assert not list(folder.iterdir())
    return line


def test_what_cannot_work_is_said_in_one_line_and_leaves_nothing(tmp_path: Path, url: str) -> None:
    nobody = run_zoneproof(*options(tmp_path, url))
    assert "it wants a password" in refused(nobody, tmp_path)
    wrong = run_zoneproof(*options(tmp_path, url), environment={"PGPASSWORD": "s3cret"})
    line = refused(wrong, tmp_path)
    assert "password authentication failed" in line
    assert "s3cret" not in line
    line = refused(init(tmp_path, url.replace("@", ":s3cret@")), tmp_path)
    assert "--database: omit the password" in line
    assert "s3cret" not in line
    away = init(tmp_path, f"postgresql://127.0.0.1:{free_port()}/x")
    assert "PostgreSQL at 127.0.0.1, database 'x': " in refused(away, tmp_path)
    broken = run_zoneproof(*options(tmp_path, url), environment={"PGPASSWORD": "two\nlines"})
    assert "has a line break" in refused(broken, tmp_path)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"database": "mysql://u:s3cret@h/d"}, "--database: write the path of a file, or"),
        ({"database": "postgresql://u:s3cret/x@h/d"}, "the PostgreSQL URL cannot be understood"),
        ({"database": "challenge.db"}, "--other-nameserver is for nodes that share a database"),
        ({"database": "challenge.db", "node": "a"}, "--node is for nodes that share a database"),
        ({"node": "A B"}, "--node: 'A B' is not a valid name"),
        ({"nameserver": "ns2.auth.example.org"}, "ns2.auth.example.org is this node's own"),
        ({"api-name": "ns2.auth.example.org"}, "is the name of a name server"),
        ({"other-nameserver": "ns3.example.net"}, "'' is not an IP address"),
        ({"other-nameserver": "a..b=192.0.2.1"}, "--other-nameserver: 'a..b' is not"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    tmp_path: Path, url: str, changed: dict[str, str], words: str
) -> None:
    line = refused(init(tmp_path, url, **changed), tmp_path)
    assert words in line
    assert "s3cret" not in line


def test_a_node_that_would_contradict_those_that_run_is_refused(tmp_path: Path, url: str) -> None:
    with ExitStack() as stack:
        node = started(tmp_path, url, stack, "ns1")
        node.wait_for_line("INFO node 'ns1' holds a lease")
        other = tmp_path / "other"
        other.mkdir()
        line = refused(init(other, url, "ns2", hostmaster="else@example.org"), other)
        assert "node 'ns1' serves other zones" in line
        assert "--other-nameserver" in line
        line = refused(init(other, url, "ns2", node="ns1"), other)
        assert f"the node 'ns1' at 127.0.0.1:{node.dns_port} is running" in line


def test_a_password_file_that_exists_is_not_replaced_without_force(
    tmp_path: Path, url: str
) -> None:
    kept = tmp_path / "ns1.pgpass"
    kept.write_text("mine")
    done = init(tmp_path, url)
    assert done.status == 2
    assert f"{kept} already exists: give --force" in done.stderr
    assert kept.read_text() == "mine"
    done = run_zoneproof(*options(tmp_path, url), "--force", environment=SECRET)
    assert done.status == 0, done.stderr
    assert kept.read_text() != "mine"


class KilledError(BaseException):
    """In place of a signal."""


def test_what_is_there_works_wherever_a_replacement_is_cut_off(
    tmp_path: Path, url: str, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert init(tmp_path, url).status == 0
    other = f"other{secrets.token_hex(4)}"
    postgres.run(f"CREATE ROLE {other} SUPERUSER LOGIN PASSWORD 'another'")
    arguments = options(tmp_path, url.replace(USER, other))[2:]
    monkeypatch.setenv("PGPASSWORD", "another")
    config = tmp_path / "ns1.toml"
    users = []

    def run(steps: int) -> None:
        """Replace the pair of files, as far as so many files are put somewhere."""
        left = steps

        def counted(step: Callable[..., None], *paths: Path) -> None:
            nonlocal left
            if not left:
                raise KilledError
            left -= 1
            step(*paths)

        with monkeypatch.context() as patch:
            for name in ("replace", "link"):
                patch.setattr(os, name, partial(counted, getattr(os, name)))
            init_command.main([*arguments, "--force"], standalone_mode=False)

    for steps in range(5):
        with pytest.raises(KilledError):
            run(steps)
        monkeypatch.delenv("PGPASSWORD")
        done = challenge_command(config, "tenant", "list")
        assert done.status == 0, done.stderr
        monkeypatch.setenv("PGPASSWORD", "another")
        users.append(other in config.read_text())
    assert users == [False, False, True, True, True]
    run(5)
    names = {path.name for path in tmp_path.iterdir() if ".old." not in path.name}
    assert names == {"ns1.toml", "ns1.toml.old", "ns1.pgpass"}
    monkeypatch.delenv("PGPASSWORD")
    assert challenge_command(config, "tenant", "list").status == 0


@pytest.fixture
def outputs(tmp_path: Path, postgres: Postgres, database: str) -> Iterator[list[str]]:
    """Give what a node with the password in its URL shows of itself, in every way."""
    config = tmp_path / "ns1.toml"
    port = free_port()
    assert init(tmp_path, f"postgresql://{USER}@127.0.0.1:{postgres.port}/{database}").status == 0
    text = re.sub(r"postgresql://[^\"]*", lambda _: postgres.url(database), config.read_text())
    metrics = f'[metrics]\nlisten = "127.0.0.1:{port}"\n[dns]'
    config.write_text(text.replace("[dns]", metrics).replace('# level = "info"', 'level = "debug"'))
    with Service(with_own_replica(config), workers_as_installed=True) as node:
        node.wait_for_line("INFO node 'ns1' holds a lease")
        found = [
            request(f"http://127.0.0.1:{port}", "GET", "/metrics").body.decode(),
            *(
                Path(f"/proc/{process}/cmdline").read_text()
                for process in (node.process.pid, *node.workers())
            ),
        ]
        for command in (
            ["serve", "--check", "--no-dns"],
            ["node", "list"],
            ["node", "list", "--json"],
        ):
            done = challenge_command(config, *command)
            found += [done.stdout, done.stderr]
        postgres.run(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
        postgres.run(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
        )
        node.wait_for_line("not currently accepting connections")
        found += [request(node.url, "POST", "/register").body.decode()]
        done = challenge_command(config, "tenant", "list")
        found += [done.stdout, done.stderr]
        node.stop()
        found += list(node.lines)
        yield found


def test_a_password_in_the_url_is_shown_nowhere(outputs: list[str]) -> None:
    told = "\n".join(outputs)
    assert "not currently accepting connections" in told
    for secret in (PASSWORD, "p%40ss", "word/%"):
        assert secret not in told
