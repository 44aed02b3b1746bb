"""Files that a person exchanged, and a renewal that fails: what was put there stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import faults
from tests.faults.world import DOMAIN, FaultWorld
from tests.support.ca_proxy import Rule


def links(world: FaultWorld) -> dict[str, str]:
    live = world.home / "live" / DOMAIN
    return {path.name: str(path.readlink()) for path in live.iterdir()}


@pytest.mark.parametrize("options", [[], ["--pkcs12-password"]], ids=["pem", "with a bundle"])
def test_a_renewal_that_fails_does_not_move_links_that_a_person_set(
    world: FaultWorld, tmp_path: Path, options: list[str]
) -> None:
    (tmp_path / "password").write_text("secret\n")
    world.write_settings()
    password = [f"{option}=@{tmp_path / 'password'}" for option in options]
    assert world.issue(DOMAIN, *password).status == 0
    assert world.run("renew", "--force").status == 0
    live = world.home / "live" / DOMAIN
    for part in ("cert", "fullchain", "privkey"):
        (live / f"{part}.pem").unlink()
        (live / f"{part}.pem").symlink_to(f"../../archive/{DOMAIN}/{part}1.pem")
    before = links(world)

    refused = faults.problem(400, "rejectedIdentifier", "policy")
    world.proxy.obey(Rule("newOrder", refused, times=100))
    assert world.run("renew", "--force").status == 1
    assert links(world) == before

    world.proxy.obey()
    assert world.run("renew", "--force").status == 0
    assert all("3." in target for target in links(world).values())
