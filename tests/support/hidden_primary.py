"""A challenge service whose zones real secondaries take, with their ports known to each other."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.support.challenge_service import Service, request, write_config
from tests.support.secondaries import Secondary
from zoneproof.testing.ports import free_port


class HiddenPrimary:
    """The service, at a port that its secondaries know; a context manager that runs all.

    ``service`` can be ended and started again.
    """

    def __init__(
        self,
        folder: Path,
        *kinds: str,
        zones: Sequence[str] = ("auth.example.org",),
        wait: str = "5s",
        more: str = "",
    ) -> None:
        self.port = free_port()
        self.metrics_port = free_port()
        self.secondaries = [Secondary(kind, folder, [self.port], zones=zones) for kind in kinds]
        self.config = write_config(folder, dns="workers = 1")
        self.wait = wait
        self._more = more
        self.write_config()
        self.service = Service(self.config)

    def write_config(self, records: str = "") -> None:
        """Write the configuration, with some more static records."""
        write_config(self.config.parent, dns="workers = 1")
        text = self.config.read_text().replace("127.0.0.1:0", f"127.0.0.1:{self.port}", 1)
        text = text.replace("here.wild A", f"{records}\nhere.wild A")
        text += f'[metrics]\nlisten = "127.0.0.1:{self.metrics_port}"\n'
        sections = [each.section(wait=self.wait) for each in self.secondaries]
        self.config.write_text("".join([text, *sections, self._more]))

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            for secondary in self.secondaries:
                stack.callback(secondary.server.stop)
                secondary.server.start()
            stack.callback(lambda: self.service.stop())
            self.service.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *details: object) -> None:
        self._stack.close()

    def restart(self) -> None:
        """End the service and start another process of it."""
        self.service.stop()
        self.service = Service(self.config)
        self.service.start()

    def metric(self, name: str, secondary: Secondary, **labels: str) -> float:
        """Return a number that the service tells of a secondary."""
        inner = ",".join(f'{key}="{value}"' for key, value in labels.items())
        inner = f'secondary="{secondary.name}"' + (f",{inner}" if inner else "")
        page = request(f"http://127.0.0.1:{self.metrics_port}", "GET", "/metrics").body.decode()
        found = re.search(rf"^zoneproof_secondary_{name}{{{inner}}} (\S+)$", page, re.MULTILINE)
        assert found, page
        return float(found[1])

    def transfers(self, secondary: Secondary) -> tuple[float, float]:
        """Return how many whole zones, and how many differences, a secondary has got."""
        return (
            self.metric("transfers_total", secondary, kind="AXFR"),
            self.metric("transfers_total", secondary, kind="IXFR"),
        )
