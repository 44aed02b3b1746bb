"""``lexicon:<name>``: the modules of dns-lexicon, which is the optional extra ``lexicon``.

The extra pins it, because what its client does has to be done otherwise here: see ``python_child``.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, ClassVar

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.text import sanitize
from zoneproof.providers.adapters import LIMITS, TIMEOUT, sounds_secret
from zoneproof.providers.contract import CredentialField, ProviderContext, ProviderInfo
from zoneproof.providers.python_adapter import PythonAdapter

_PACKAGE = "lexicon._private.providers"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
# These two find out which module to use, or are what all others come from.
_NO_PROVIDERS = frozenset({"auto", "base"})
_EXTRA = "install it with `pip install 'zoneproof[lexicon]'`"


def _modules() -> set[str]:
    package = find_spec(_PACKAGE) if find_spec("lexicon") else None
    folders = package.submodule_search_locations if package else None
    return {one.name for one in pkgutil.iter_modules(folders or [])} - _NO_PROVIDERS


def _options(name: str) -> Iterator[CredentialField]:
    """Return the options of an installed module."""
    parser = argparse.ArgumentParser(add_help=False)
    try:
        importlib.import_module(f"{_PACKAGE}.{name}").Provider.configure_parser(parser)
    except ImportError:
        return
    for action in parser._actions:  # noqa: SLF001  a parser tells its options in no other way
        yield CredentialField(
            action.dest,
            sanitize(action.help or "an option of the module").rstrip("."),
            secret=sounds_secret(action.dest),
            default="",
        )


class LexiconModule(PythonAdapter):
    """Has a module of dns-lexicon change records, by a process of our own Python."""

    own_fields: ClassVar = frozenset({TIMEOUT.name})
    python: ClassVar[str] = sys.executable
    job: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def describe(cls, name: str) -> ProviderInfo:
        """Describe a module, by its own options if it is installed."""
        if not _NAME.fullmatch(name):
            raise InvalidInputError(f"'{sanitize(name)}' is not the name of a dns-lexicon module")
        here = name in _modules()
        return ProviderInfo(
            slug=f"lexicon:{name}",
            title=f"{name} (dns-lexicon)",
            homepage="https://dns-lexicon.readthedocs.io/en/latest/configuration_reference.html",
            fields=(*(_options(name) if here else ()), TIMEOUT),
            default_ttl=3600,  # dns-lexicon's own, which every service takes
            limits=replace(LIMITS, has_ttl=True),
            free_fields="" if here else "any option of the module",
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
