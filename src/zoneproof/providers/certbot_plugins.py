"""``certbot:<plugin>``: the DNS plugins of a certbot that is installed.

Of certbot's documented way with them (its developer guide, "Writing your own plugin"): the entry
points ``certbot.plugins``, the options that a plugin adds, its ``perform`` and ``cleanup``.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar

from zoneproof.core.errors import InvalidInputError, ProviderError
from zoneproof.core.files import absolute_path, read_file
from zoneproof.core.programs import require_program
from zoneproof.core.text import sanitize
from zoneproof.providers.adapters import LIMITS, SHORTEST_SECRET, TIMEOUT
from zoneproof.providers.contract import ProviderContext, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import CredentialField
from zoneproof.providers.python_adapter import PythonAdapter

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_FIRST_LINE = re.compile(rb"#! *(/[^\s]+)")


def _own_plugins() -> set[str]:
    """Return the names of the DNS plugins of the Python that this runs in."""
    return {one.name for one in entry_points(group="certbot.plugins") if "dns" in one.name}


def _python_of_certbot() -> str:
    """Return the Python of the ``certbot`` that is found as a command; empty if there is none."""
    program = shutil.which("certbot")
    try:
        line = read_file(Path(program))[:200] if program else b""
    except OSError:
        line = b""
    found = _FIRST_LINE.match(line)
    return found[1].decode() if found else ""


class CertbotPlugin(PythonAdapter):
    """Has a plugin of certbot change records, by the Python that has it."""

    form: ClassVar = "certbot:dns-NAME"
    own_fields: ClassVar = frozenset({"ini", "python", TIMEOUT.name})

    @classmethod
    def describe(cls, name: str) -> ProviderInfo:
        """Describe a plugin: only it knows which keys it has."""
        if not _NAME.fullmatch(name):
            raise InvalidInputError(f"'{sanitize(name)}' is not the name of a certbot plugin")
        slug = f"certbot:{name}"
        prefix = name.replace("-", "_")
        return ProviderInfo(
            slug=slug,
            title=f"{name} (certbot plugin)",
            homepage="",
            fields=(
                CredentialField(
                    "ini",
                    f"absolute path of the file that certbot was given with --{name}-credentials;"
                    " empty where its keys are fields",
                    default="",
                    check=partial(absolute_path, f"{slug}: ini"),
                    file=partial(_values, f"{slug}: ini"),
                ),
                CredentialField(
                    "python",
                    "absolute path of the Python that has the plugin; empty for Zoneproof's own,"
                    " or else that of the command certbot",
                    default="",
                    check=partial(absolute_path, f"{slug}: python"),
                    file=partial(require_program, f"{slug}: python"),
                    rare=True,
                ),
                TIMEOUT,
            ),
            limits=LIMITS,
            free_fields=f"any key of the plugin's file, such as {prefix}_…, or option of its,"
            " with '_' for '-'",
            notes="certbot and the plugin are not a part of Zoneproof: install them, or tell which"
            " Python has them. The plugin sets a TTL of its own. Plugins that make their value from"
            " the key authorization (dns-multi) or answer DNS questions themselves (dns-standalone)"
            " cannot be used.",
        )

    @classmethod
    def installed(cls) -> dict[str, str]:
        """Return the DNS plugins that Zoneproof's own Python has."""
        return {name: f"{name} (certbot plugin)" for name in sorted(_own_plugins())}

    def __init__(self, context: ProviderContext) -> None:
        super().__init__(context)
        own = sys.executable if self.name in _own_plugins() else ""
        self._python = context.fields["python"] or own or _python_of_certbot()
        self._ini = context.fields["ini"]
        if not self._python:
            raise InvalidInputError(
                f"{self.info.slug}: neither the plugin nor the command certbot is found: install"
                " them, or tell by the field python which Python has them"
            )

    async def change(
        self, action: str, zone: Zone, records: Sequence[TxtRecord]
    ) -> Sequence[ProviderError | None]:
        """Run the plugin, whose file may hold other secrets each time."""
        if self._ini:
            try:
                self.secrets |= _values(f"{self.info.slug}: ini", self._ini)
            except InvalidInputError as error:
                raise ProviderError(error.message, changed_nothing=True) from error
        return await super().change(action, zone, records)

    @property
    def python(self) -> str:
        """The Python that has the plugin."""
        return self._python

    @property
    def job(self) -> Mapping[str, Any]:
        """The file with the plugin's keys, if it is not to be made."""
        return {"ini": self._ini}


def _values(field: str, path: str) -> set[str]:
    """Return the values in a plugin's file, which errors must not show."""
    try:
        lines = read_file(Path(path)).decode("utf-8", "replace").splitlines()
    except OSError as error:
        raise InvalidInputError(f"{field}: cannot read {path}: {error.strerror}") from error
    values = {line.partition("=")[2].strip().strip("'\"") for line in lines}
    return {value for value in values if len(value) >= SHORTEST_SECRET}
