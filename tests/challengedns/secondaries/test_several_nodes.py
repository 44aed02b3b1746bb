"""Secondaries of several nodes: each node notifies them, and waits for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.challenge_service import register, txt, update
from tests.support.nodes import Cluster, publish, wait_for_leases
from tests.support.peers.postgres import Postgres
from tests.support.secondaries import Secondary


@pytest.mark.parametrize("kind", ["knot", "nsd"])
def test_what_any_node_acknowledges_is_answered_by_the_secondary(
    kind: str, tmp_path: Path, postgres: Postgres, database: str
) -> None:
    cluster = Cluster(tmp_path, postgres, database, ("a", "b"))
    secondary = Secondary(kind, tmp_path, [node.fixed_port for node in cluster.nodes])
    for node in cluster.nodes:
        node.config.write_text(node.config.read_text() + secondary.section())
    with secondary.server, cluster as nodes:
        account = register(nodes[0].url)
        expected = []
        for turn, letter in enumerate("abcdefgh"):
            publish(nodes[turn % 2], account, txt(letter))
            expected.append(txt(letter))
            assert secondary.says(account.fulldomain) == expected
        # It continues with the node that is left, and with both again.
        nodes[0].kill()
        publish(nodes[1], account, txt("i"))
        expected.append(txt("i"))
        assert secondary.says(account.fulldomain) == expected
        nodes[0].start()
        wait_for_leases(nodes[0])
        publish(nodes[0], account, txt("j"))
        assert secondary.says(account.fulldomain) == [*expected, txt("j")]
        assert update(nodes[1].url, account, txt("j"), method="DELETE").status == 200
        assert secondary.says(account.fulldomain) == expected
        assert any("IXFR of" in line for node in nodes for line in node.lines)
