"""BIND as an authoritative server that takes TSIG-signed updates."""

from __future__ import annotations

from pathlib import Path

from tests.support.peers import dns_tool, dns_tool_environment
from tests.support.peers.knot import TSIG_ALGORITHM, TSIG_NAME, TSIG_SECRET
from zoneproof.testing.background import BackgroundServer
from zoneproof.testing.ports import free_port


class Named(BackgroundServer):
    """A named in a folder; ``statements`` of its configuration say what it serves."""

    address = "127.0.0.1"

    def __init__(self, folder: Path, statements: str, *, port: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        config = folder / "named.conf"
        config.write_text(
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
  notify-rate 1000;
  serial-query-rate 1000;
}};
controls {{ }};
{statements}"""
        )
        super().__init__(
            "BIND",
            [dns_tool("named"), "-g", "-c", str(config)],
            r"\brunning$",
            environment=dns_tool_environment(),
        )


class Bind(Named):
    """A named for zones given as text. Updates need the key of :mod:`tests.support.peers.knot`."""

    def __init__(self, folder: Path, zones: dict[str, str]) -> None:
        updaters = dict.fromkeys(zones, f"key {TSIG_NAME};")
        keys = key_statement(TSIG_NAME, TSIG_ALGORITHM, TSIG_SECRET)
        super().__init__(folder, keys + primary_zones(folder, zones, updaters))


def key_statement(name: str, algorithm: str, secret: str) -> str:
    """Return the configuration of a TSIG key."""
    return f'key "{name}" {{ algorithm {algorithm}; secret "{secret}"; }};\n'


def primary_zones(folder: Path, zones: dict[str, str], updaters: dict[str, str]) -> str:
    """Write the zones' files, and return the configuration that serves them.

    ``updaters`` is who may update each zone, as an address match list.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in zones.items():
        (folder / f"{name}.zone").write_text(text)
    return "".join(
        f'zone "{name}" {{ type primary; file "{folder}/{name}.zone";'
        f" allow-update {{ {updaters[name]} }}; }};\n"
        for name in zones
    )
