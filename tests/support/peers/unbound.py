"""Unbound as a CA runs it between itself and the world: strict, no cache, mixed-case questions.

Nor does it hang up on anybody over TCP who takes long because the machine is busy.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.support.peers import dns_tool, dns_tool_environment
from zoneproof.testing.background import BackgroundServer
from zoneproof.testing.ports import free_port


class Unbound(BackgroundServer):
    """A resolver; ``stubs`` maps zones to the ``address@port`` of their authoritative servers."""

    def __init__(self, folder: Path, stubs: Mapping[str, list[str]]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.address = "127.0.0.1"
        zones = "".join(
            f'stub-zone:\n  name: "{zone}"\n  stub-no-cache: yes\n'
            + "".join(f"  stub-addr: {address}\n" for address in addresses)
            for zone, addresses in stubs.items()
        )
        local = "".join(f'  local-zone: "{zone}" nodefault\n' for zone in stubs)
        (folder / "unbound.conf").write_text(
            f"""
server:
  interface: {self.address}@{self.port}
  do-ip6: no
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  logfile: ""
  verbosity: 1
  log-servfail: yes
  module-config: "iterator"
  do-not-query-localhost: no
  use-caps-for-id: yes
  edns-buffer-size: 1232
  harden-below-nxdomain: no
  cache-max-ttl: 0
  cache-max-negative-ttl: 0
  infra-cache-min-rtt: 50
  num-threads: 1
  incoming-num-tcp: 200
  tcp-idle-timeout: 120000
{local}
remote-control:
  control-enable: no
{zones}
"""
        )
        super().__init__(
            "Unbound",
            [dns_tool("unbound"), "-d", "-c", str(folder / "unbound.conf")],
            r"start of service",
            environment=dns_tool_environment(),
        )
