"""What a node tells of itself: metrics, health, and the check before it starts."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.challenge_service import (
    challenge_command,
    register,
    request,
    txt,
    write_config,
)
from tests.support.nodes import Cluster, publish, wait_for_leases, wait_until
from tests.support.peers.postgres import PASSWORD, Postgres
from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.runtime.reload import changeable
from zoneproof.core.errors import ConfigError
from zoneproof.storage.postgres import PostgresServer
from zoneproof.testing.ports import free_port


def metric(port: int, name: str) -> float:
    page = request(f"http://127.0.0.1:{port}", "GET", "/metrics").body.decode()
    found = re.search(rf"^{re.escape(name)} (\S+)$", page, re.MULTILINE)
    assert found, page
    return float(found[1])


def test_metrics_and_health_tell_whether_a_node_may_be_asked(
    tmp_path: Path, postgres: Postgres, database: str
) -> None:
    cluster = Cluster(tmp_path, postgres, database, ("a", "b"))
    port = free_port()
    node = cluster.nodes[1]
    text = node.config.read_text()
    node.config.write_text(f'{text}\n[metrics]\nlisten = "127.0.0.1:{port}"\n')
    with cluster as nodes:
        account = register(nodes[0].url)
        publish(nodes[1], account, txt("a"))
        assert metric(port, "zoneproof_node_holds_lease") == 1
        assert metric(port, 'zoneproof_storage_seconds_count{transaction="confirm"}') >= 1
        node.cut(database=True)
        wait_until(lambda: metric(port, "zoneproof_node_holds_lease") == 0, "it keeps its lease")
        assert metric(port, "zoneproof_node_seconds_behind") > 1
        assert request(node.url, "GET", "/health").status == 503
        node.mend()
        wait_for_leases(node)
        assert request(node.url, "GET", "/health").status == 200


def test_a_new_node_that_waits_for_its_lease_complains_of_nothing(
    tmp_path: Path, postgres: Postgres, database: str
) -> None:
    with Cluster(tmp_path, postgres, database, ("a",)) as (node,):
        node.wait_for_line("INFO node 'a' holds a lease")
        assert not [line for line in node.lines if "ERROR" in line]


def test_no_secret_is_in_a_replica(tmp_path: Path, postgres: Postgres, database: str) -> None:
    with Cluster(tmp_path, postgres, database, ("a",)) as (node,):
        account = register(node.url)
        publish(node, account, txt("a"))
        with closing(sqlite3.connect(node.replica)) as replica:
            dump = "\n".join(replica.iterdump())
        assert account.subdomain in dump
        assert account.username not in dump
        for path in node.replica.parent.glob(f"{node.replica.name}*"):
            assert path.stat().st_mode & 0o777 == 0o600
            assert account.password.encode() not in path.read_bytes()


def check(config: Path) -> str:
    return challenge_command(config, "serve", "--check", "--no-dns").stdout


def with_database(folder: Path, url: str) -> Path:
    config = write_config(folder)
    config.write_text(f'database = "{url}"\n{config.read_text()}')
    return config


def test_the_check_says_what_a_failover_could_lose(
    tmp_path: Path, postgres: Postgres, database: str
) -> None:
    said = check(with_database(tmp_path, postgres.url(database)))
    assert f"ok       database: PostgreSQL at 127.0.0.1, database '{database}' can be used" in said
    assert "note     database: it has no synchronous standby" in said
    assert not (tmp_path / "replica.db").exists()


def test_the_check_says_what_is_wrong_and_not_the_password(
    tmp_path: Path, postgres: Postgres
) -> None:
    said = check(with_database(tmp_path, postgres.url("nowhere")))
    assert "PROBLEM  database: PostgreSQL at 127.0.0.1, database 'nowhere'" in said
    assert PASSWORD not in said
    said = check(with_database(tmp_path, f"postgresql://u:s3cret@127.0.0.1:{free_port()}/x"))
    assert "PROBLEM  database: PostgreSQL at 127.0.0.1, database 'x'" in said
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('database = "mysql://u:s3cret@h/d"', "write the path of a file, or postgresql://host/"),
        ('node = { name = "a" }', "give its URL as 'database', or remove [node]"),
        (
            'database = "postgresql://h/d"\nnode = { name = "A B" }',
            "'node.name': 'A B' is not a valid name",
        ),
    ],
)
def test_a_configuration_that_makes_no_sense_is_said(tmp_path: Path, line: str, words: str) -> None:
    config = write_config(tmp_path)
    config.write_text(f"{line}\n{config.read_text()}")
    with pytest.raises(ConfigError) as caught:
        load_config(config)
    assert words in caught.value.message
    assert "s3cret" not in caught.value.message


def test_a_node_on_a_wildcard_address_needs_one_where_it_is_asked(tmp_path: Path) -> None:
    config = with_database(tmp_path, "postgresql://h/d")
    config.write_text(config.read_text().replace("127.0.0.1:0", "0.0.0.0:0"))
    with pytest.raises(ConfigError, match=r"'node\.address' is missing"):
        load_config(config)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:s3cret@[h/d",
        "postgresql://u:a@s3cret@h/d",
        "postgresql://u:a/s3cret@h/d",
        "postgresql://u:s3cret/d",
        "postgresql://u:s3cret?a=b/c@h/d",
    ],
)
def test_a_url_that_is_none_is_said_and_not_shown(tmp_path: Path, url: str) -> None:
    config = with_database(tmp_path, url)
    done = challenge_command(config, "tenant", "list")
    assert done.status == 2
    assert "the PostgreSQL URL cannot be understood" in done.stderr
    assert "s3cret" not in done.stderr


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me%40server:p%40ss@h1:5432,[::1]:5433/d%40b?target_session_attrs=any",
        "postgresql:///d?host=/run/a@b&user=c@d",
        "postgresql://",
    ],
)
def test_a_url_may_have_encoded_characters_several_hosts_or_nothing(url: str) -> None:
    assert "p@ss" not in PostgresServer(url).name


def test_another_database_waits_for_a_restart_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = "postgresql://me:old@db.example.org/x"
    old = load_config(with_database(tmp_path, before))
    assert changeable(old, load_config(with_database(tmp_path, before))) == old
    assert not caplog.records
    kept = changeable(old, load_config(with_database(tmp_path, before.replace("old", "new"))))
    assert kept.postgres == before
    assert "database" in caplog.text
    assert "change only at a restart" in caplog.text
    assert "old" not in caplog.text
