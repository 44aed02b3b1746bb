"""The configurations of secondaries in the documentation are some that their programs take."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.peers import dns_tool, dns_tool_environment
from tests.support.secondaries import SECRET

PAGE = Path(__file__).parents[3] / "docs" / "several-nodes.md"


@pytest.mark.parametrize(
    ("server", "check"),
    [
        ("BIND", ["named-checkconf", "{file}"]),
        ("Knot", ["knotc", "-c", "{file}", "conf-check"]),
        ("NSD", ["nsd-checkconf", "{file}"]),
    ],
)
def test_each_can_be_pasted(tmp_path: Path, server: str, check: list[str]) -> None:
    found = re.search(
        rf"^{server}[,:].*?^```\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert found
    file = tmp_path / "server.conf"
    file.write_text(found[1].replace("SECRET", SECRET))
    program, *arguments = (word.format(file=file) for word in check)
    done = subprocess.run(
        [dns_tool(program), *arguments],
        env=dns_tool_environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
