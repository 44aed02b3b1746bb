"""What is acknowledged at one node is answered by every node."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.challenge_service import register, request, txt, update
from tests.support.nodes import Cluster
from tests.support.peers.postgres import Postgres


def test_each_change_is_answered_everywhere_at_once(
    tmp_path: Path, postgres: Postgres, database: str
) -> None:
    with Cluster(tmp_path, postgres, database) as nodes:
        account = register(nodes[0].url)
        assert {str(node.says(account.fulldomain)) for node in nodes} == {"[]"}
        expected = []
        for turn, letter in enumerate("abcdefghijkl"):
            assert update(nodes[turn % 3].url, account, txt(letter)).status == 200
            expected.append(txt(letter))
            for node in nodes:
                assert node.says(account.fulldomain) == expected
        assert update(nodes[1].url, account, txt("a"), method="DELETE").status == 200
        for node in nodes:
            assert node.says(account.fulldomain) == expected[1:]
            assert request(node.url, "GET", "/health").status == 200

        def client(number: int) -> None:
            own = register(nodes[number % 3].url)
            mine = []
            for letter in "abcd":
                assert update(nodes[number % 3].url, own, txt(letter)).status == 200
                mine.append(txt(letter))
                for node in nodes:
                    assert node.says(own.fulldomain) == mine

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(client, range(12)))


@pytest.mark.parametrize("names", [("a",)])
def test_one_node_alone_works_too(
    tmp_path: Path, postgres: Postgres, database: str, names: tuple[str, ...]
) -> None:
    with Cluster(tmp_path, postgres, database, names) as (node,):
        account = register(node.url)
        assert update(node.url, account, txt("a")).status == 200
        assert node.says(account.fulldomain) == [txt("a")]
