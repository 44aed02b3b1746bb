"""What the adapters share that run another program's Python code: a child that reports in JSON."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from zoneproof.core.errors import ProviderError
from zoneproof.core.programs import Ended
from zoneproof.providers.adapters import Adapter, last_lines
from zoneproof.providers.contract import TxtRecord, Zone

_CHILD = Path(__file__).with_name("python_child.py")

_NO_SUCH_ZONE = ("404", "422")  # HTTP statuses, while nothing but the zone has been looked up


class _Outcome(msgspec.Struct):
    """What became of the preparation, or of a record; without a ``kind`` and words, it is done."""

    kind: str = ""
    said: str | None = None


def python_command(python: str) -> list[str]:
    """Return the command of the child.

    Isolated, so that neither variables nor the folder of the child's file bring modules.
    """
    return [python, "-I", "-B", "-W", "ignore", str(_CHILD)]


class PythonAdapter(Adapter):
    """Has all values of a batch changed by one process of a Python."""

    @property
    @abstractmethod
    def python(self) -> str:
        """The Python that has the code, by its absolute path."""

    @property
    @abstractmethod
    def job(self) -> Mapping[str, Any]:
        """What the child is told besides the zone and the records."""

    async def change(
        self, action: str, zone: Zone, records: Sequence[TxtRecord]
    ) -> Sequence[ProviderError | None]:
        """Run the child, and read what it reports."""
        where = f"{self.info.slug} ({action}, zone {zone.name})"
        job = {
            **self.job,
            "family": self.info.slug.partition(":")[0],
            "name": self.name,
            "fields": self.theirs,
            "action": action,
            "zone": zone.name.text,
            "ttl": records[0].ttl,
            "records": [(zone.record(one.name).text, one.value) for one in records],
        }
        variables = {"ZONEPROOF_JOB": json.dumps(job)}
        ended = await self.run(where, python_command(self.python), variables, len(records))
        prepared, *outcomes = _reported(ended) or [_Outcome(said="")]
        if prepared.said:
            kind = "zone" if prepared.kind in _NO_SUCH_ZONE else prepared.kind
            error = self.error(where, kind, prepared.said)
            error.changed_nothing = True
            raise error
        if prepared.said is not None or len(outcomes) != len(records):
            # It was ended, or the Python is none.
            raise self.error(where, "", last_lines(ended))
        return [self._error(where, one) for one in outcomes]

    def _error(self, where: str, outcome: _Outcome) -> ProviderError | None:
        if outcome.said is None:
            return None
        return self.error(where, outcome.kind, outcome.said)


def _reported(ended: Ended) -> list[_Outcome]:
    return [msgspec.json.decode(line, type=_Outcome) for line in ended.stdout.splitlines()]
