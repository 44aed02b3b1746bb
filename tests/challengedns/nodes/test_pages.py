"""The pages of a service with several nodes: a session of one is one of all, and usage adds up."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from tests.support.challenge_service import register, txt, update
from tests.support.nodes import Cluster
from tests.support.peers.postgres import Postgres
from tests.support.service_pages import prepare
from tests.support.web_pages import Client


def test_a_session_is_known_at_every_node_and_each_adds_what_it_served(
    tmp_path: Path, postgres: Postgres, database: str
) -> None:
    with Cluster(tmp_path, postgres, database, ("a", "b")) as (one, other):
        operator_key, keys = prepare(one.config, "team")
        account = register(one.url, keys["team"])
        for node, letter in ((one, "a"), (other, "b"), (other, "c")):
            assert update(node.url, account, txt(letter)).status == 200
        signed_in = Client(one.url)
        assert signed_in.post("/admin/sign-in", key=operator_key).status == 303
        client = Client(other.url, dict(signed_in.cookies))
        assert client.post("/admin/tenants/team/disable").status == 303
        assert signed_in.post("/admin/tenants/team/enable").status == 303
        text = client.get("/admin/nodes").text
        assert text.count(">held<") == 2
        assert text.count(">answers<") == 2
        asked, unasked = account, register(one.url, keys["team"])
        assert other.answers(asked.fulldomain) == [txt("a"), txt("b"), txt("c")]
        one.stop(signal.SIGTERM)
        other.stop(signal.SIGTERM)
        other.start()
        client = Client(other.url, dict(signed_in.cookies))
        (found,) = client.get("/admin/usage.json").json["tenants"]
        assert (found["tenant"], found["updates"], found["peak"]) == ("team", 3, 2)
        listed = client.get("/admin/registrations").text
        assert listed.count(">none seen<") == 1
        page = client.get(f"/admin/registrations/{asked.subdomain}").text
        assert "from 127.0.0.0/24: 3 values" in page
        assert "none seen" in client.get(f"/admin/registrations/{unasked.subdomain}").text
        log = client.get("/admin/audit").text
        actions = re.findall(r"<b>([^<]*)</b>", log.partition("<tbody>")[2])
        assert actions[:3] == ["tenant enable", "tenant disable", "sign in"]
