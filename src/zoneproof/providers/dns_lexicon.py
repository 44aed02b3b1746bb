"""``lexicon:<name>``: the modules of dns-lexicon, which is the optional extra ``lexicon``.

The extra pins it, because what its client does has to be done otherwise here: see ``python_child``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, ClassVar

from msgspec.structs import replace

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.text import sanitize, with_extra
from zoneproof.providers.adapters import LIMITS, TIMEOUT, sounds_secret
from zoneproof.providers.contract import ProviderContext, ProviderInfo
from zoneproof.providers.fields import CredentialField
from zoneproof.providers.python_adapter import PythonAdapter, python_command

_PACKAGE = "lexicon/_private/providers"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
# These two find out which module to use, or are what all others come from.
_LONGEST_DESCRIPTION = 30  # seconds
_NO_PROVIDERS = frozenset({"auto", "base"})
_EXTRA = with_extra("lexicon")


def _modules() -> set[str]:
    """Return the modules that are installed. None is imported: they belong to their process."""
    try:
        folder = Path(str(distribution("dns-lexicon").locate_file(_PACKAGE)))
    except PackageNotFoundError:
        return set()
    return {path.stem for path in folder.glob("[a-z]*.py")} - _NO_PROVIDERS


@cache
def _options(name: str) -> tuple[CredentialField, ...]:
    """Return the options of an installed module, which only its code knows."""
    command = python_command(sys.executable)
    try:
        done = subprocess.run(
            [*command, name], capture_output=True, check=True, env={}, timeout=_LONGEST_DESCRIPTION
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    options: dict[str, str] = json.loads(done.stdout)
    return tuple(
        CredentialField(
            option,
            sanitize(text).rstrip(".") or "an option of the module",
            secret=sounds_secret(option),
            default="",
        )
        for option, text in options.items()
    )


class LexiconModule(PythonAdapter):
    """Has a module of dns-lexicon change records, by a process of our own Python."""

    form: ClassVar = "lexicon:NAME"
    own_fields: ClassVar = frozenset({TIMEOUT.name})
    python: ClassVar[str] = sys.executable
    job: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def describe(cls, name: str) -> ProviderInfo:
        """Describe a module, by its own options if it is installed."""
        if not _NAME.fullmatch(name):
            raise InvalidInputError(f"'{sanitize(name)}' is not the name of a dns-lexicon module")
        here = name in _modules()
        options = _options(name) if here else ()
        return ProviderInfo(
            slug=f"lexicon:{name}",
            title=f"{name} (dns-lexicon)",
            homepage="https://dns-lexicon.readthedocs.io/en/latest/configuration_reference.html",
            fields=(*options, TIMEOUT),
            default_ttl=3600,  # dns-lexicon's own, which every service takes
            limits=replace(LIMITS, has_ttl=True),
            free_fields="" if options else "any option of the module",
            notes="" if here else f"dns-lexicon is not installed here: {_EXTRA}.",
        )

    @classmethod
    def installed(cls) -> dict[str, str]:
        """Return the modules that are installed."""
        return {name: f"{name} (dns-lexicon)" for name in sorted(_modules())}

    def __init__(self, context: ProviderContext) -> None:
        super().__init__(context)
        modules = _modules()
        if not modules:
            raise InvalidInputError(f"{self.info.slug}: dns-lexicon is not installed: {_EXTRA}")
        if self.name not in modules:
            raise InvalidInputError(
                f"{self.info.slug}: dns-lexicon has no such module: `zoneproof provider list` has"
                " all"
            )
