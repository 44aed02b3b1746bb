"""BIND as an authoritative server that takes TSIG-signed updates."""

from __future__ import annotations

from pathlib import Path

from tests.peers import dns_tool, dns_tool_environment
from tests.peers.knot import TSIG_ALGORITHM, TSIG_NAME, TSIG_SECRET
from zoneproof.cli.demo.background import BackgroundServer, free_port


class Bind(BackgroundServer):
    """A named for zones given as text. Updates need the key of :mod:`tests.peers.knot`."""

    def __init__(self, folder: Path, zones: dict[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.address = "127.0.0.1"
        self.port = free_port()
        for name, text in zones.items():
            (folder / f"{name}.zone").write_text(text)
        (folder / "named.conf").write_text(
            f"""
options {{
  directory "{folder}";
  pid-file none;
  session-keyfile none;
  listen-on port {self.port} {{ {self.address}; }};
  listen-on-v6 {{ none; }};
  recursion no;
  dnssec-validation no;
  notify no;
}};
controls {{ }};
key "{TSIG_NAME}" {{ algorithm {TSIG_ALGORITHM}; secret "{TSIG_SECRET}"; }};
"""
            + "".join(
                f'zone "{name}" {{ type primary; file "{folder}/{name}.zone";'
                f" allow-update {{ key {TSIG_NAME}; }}; }};\n"
                for name in zones
            )
        )
        super().__init__(
            "BIND",
            [dns_tool("named"), "-g", "-c", str(folder / "named.conf")],
            r"\brunning$",
            environment=dns_tool_environment(),
        )
