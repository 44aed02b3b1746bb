"""What is acknowledged at one node is answered by every node."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.challenge_service import register, request, txt, update
from tests.support.nodes import Cluster, publish, wait_until
from tests.support.peers.postgres import Postgres


def test_each_change_is_answered_everywhere_at_once(
    tmp_path: Path, postgres: Postgres, database: str
) -> None:
    with Cluster(tmp_path, postgres, database) as nodes:
        account = register(nodes[0].url)
        assert {str(node.answers(account.fulldomain)) for node in nodes} == {"[]"}
        expected = []
        for turn, letter in enumerate("abcdefghijkl"):
            publish(nodes[turn % 3], account, txt(letter))
            expected.append(txt(letter))
            for node in nodes:
                assert node.answers(account.fulldomain) == expected
        wait_until(
            lambda: update(nodes[1].url, account, txt("a"), method="DELETE").status == 200,
            "no 200 for a value that goes",
        )
        for node in nodes:
            assert node.answers(account.fulldomain) == expected[1:]
            assert request(node.url, "GET", "/health").status == 200

        def client(number: int) -> None:
            own = register(nodes[number % 3].url)
            mine = []
            for letter in "abcd":
                publish(nodes[number % 3], own, txt(letter))
                mine.append(txt(letter))
                for node in nodes:
                    assert node.answers(own.fulldomain) == mine

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(client, range(12)))


@pytest.mark.parametrize("names", [("a",)])
def test_one_node_alone_works_too(
    tmp_path: Path, postgres: Postgres, database: str, names: tuple[str, ...]
) -> None:
    with Cluster(tmp_path, postgres, database, names) as (node,):
        account = register(node.url)
        publish(node, account, txt("a"))
        assert node.answers(account.fulldomain) == [txt("a")]
