"""The commands that the page on accounts shows do what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import tests.support.peers  # noqa: F401  says where Pebble is
from zoneproof.testing.pebble import Pebble

PAGE = Path(__file__).parents[2] / "docs/accounts.md"


def test_the_page_works_from_the_first_example_to_the_last(tmp_path: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    with Pebble(tmp_path / "pebble", strict=True) as pebble:
        script = "".join(blocks).replace("letsencrypt", pebble.directory_url)
        done = subprocess.run(
            ["sh", "-eu", "-c", script],
            cwd=tmp_path,
            env={
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
                "ZONEPROOF_HOME": str(tmp_path / "home"),
                "SSL_CERT_FILE": str(pebble.ca_bundle),
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "the account team-b has a new key" in done.stdout
    assert "example.com. IN CAA 0 issuewild" in done.stdout
