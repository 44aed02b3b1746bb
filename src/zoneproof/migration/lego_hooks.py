"""lego's hooks, which it keeps outside its folder: in its environment, or in ``.lego.yml``.

As lego 5.3 has them (``cmd/internal/hook`` and ``cmd/internal/configuration``): it splits a line at
its spaces, without a shell, and runs it where ``.lego`` is. lego 4 has them on its command line
alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.text import with_extra
from zoneproof.core.yaml import decode_yaml
from zoneproof.manager.certificates.options import GivenTask
from zoneproof.migration.found import Findings
from zoneproof.migration.hooks import When, distinct, hook
from zoneproof.migration.lego_settings import LegoSettings
from zoneproof.migration.reading import exists, read_text, unusable

_KINDS: Mapping[str, When] = {"pre": "before", "deploy": "issued", "post": "always"}
_FILES = (".lego.yml", ".lego.yaml")
_ELSEWHERE = (
    "lego keeps no hooks in its folder: what its command line says of them (--deploy-hook, or"
    " --run-hook and --renew-hook of lego 4) comes over with `zoneproof edit NAME --deploy-hook"
    " COMMAND`"
)


class _Hook(msgspec.Struct):
    command: str = ""


class _Config(msgspec.Struct):
    hooks: dict[str, _Hook | None] | None = None


def variable(kind: str) -> str:
    """Return the variable that holds the hook of a kind: pre, deploy or post."""
    return f"LEGO_{kind.upper()}_HOOK"


def names_hooks(settings: LegoSettings) -> bool:
    """Tell whether any hook is among the variables."""
    names = map(variable, _KINDS)
    return any(settings.variables.get(name) or name in settings.unclear for name in names)


def read_hooks(folder: Path, settings: LegoSettings, findings: Findings) -> tuple[GivenTask, ...]:
    """Return what lego ran for every certificate of its ``folder``; the variables go first.

    Where there is nothing, a note says how hooks come over.
    """
    lines = dict.fromkeys(_KINDS, "")
    for kind in _KINDS:
        with findings.going_on():
            lines[kind] = settings.text(variable(kind))
    for name in _FILES:
        file = folder.absolute().parent / name
        if exists(file):
            with findings.going_on():
                for kind, found in _read(file).items():
                    lines[kind] = lines.get(kind) or found
            break
    tasks = distinct(
        hook(f"{kind}-hook", lines[kind], when, shell=False, folder=folder.absolute().parent)
        for kind, when in _KINDS.items()
    )
    if not tasks and not names_hooks(settings):
        findings.notes.append(_ELSEWHERE)
    return tasks


def _read(file: Path) -> dict[str, str]:
    text = read_text(file)
    try:
        config = decode_yaml(text, _Config)
    except InvalidInputError as error:
        raise unusable(file, error.message) from error
    except ImportError as error:
        raise unusable(file, f"reading YAML needs PyYAML: {with_extra('kubernetes')}") from error
    except msgspec.ValidationError as error:
        raise unusable(file, "its hooks are not of the form expected") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise unusable(file, "it is not YAML") from error
    return {kind: one.command for kind, one in (config.hooks or {}).items() if one}
