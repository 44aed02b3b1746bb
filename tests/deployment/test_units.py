"""The manager's units: what they take away from tasks, and from groups that may read keys."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.docs.page import ROOT
from tests.support.peers.web_servers import HaproxyServer
from tests.support.self_signed import key_pem, self_signed

UNITS = ("zoneproof.service", "zoneproof-renew.service")
# prctl(2): PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, which Linux has from 6.3 on.
_AS_SYSTEMD_DENIES = """
import ctypes, os, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):
    sys.exit(99)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def settings(unit: str) -> list[str]:
    return (ROOT / "packaging" / unit).read_text().splitlines()


@pytest.mark.parametrize("unit", UNITS)
def test_no_unit_closes_the_folders_again_that_a_group_passes(unit: str) -> None:
    """Systemd gives a StateDirectory= its mode at each start, also where it was there before."""
    assert not [line for line in settings(unit) if line.startswith("StateDirectory")]
    assert "RequiresMountsFor=/var/lib/zoneproof" in settings(unit)


@pytest.mark.parametrize("unit", UNITS)
def test_haproxy_takes_regular_expressions_in_what_a_unit_leaves_it(
    unit: str, tmp_path: Path
) -> None:
    server = HaproxyServer(tmp_path)
    certificate, key = self_signed("127.0.0.1")
    pem = key_pem(key) + certificate.public_bytes(Encoding.PEM)
    (tmp_path / "combined.pem").write_bytes(pem)
    with server.config.open("a") as config:
        config.write("  http-request deny if { path_reg ^/foo[0-9]+$ }\n")
    command = [*shlex.split(server.fields["program"]), "-c"]
    if "MemoryDenyWriteExecute=yes" in settings(unit):
        command = [sys.executable, "-c", _AS_SYSTEMD_DENIES, *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 99), done.stderr
