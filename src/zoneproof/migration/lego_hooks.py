"""lego's hooks, which it keeps outside its folder: in its environment, or its configuration.

As lego 5.3 has them (``cmd/internal/hook`` and ``cmd/internal/configuration``): it splits a line at
its spaces, without a shell, and runs it where ``.lego`` is. lego 4 has them on its command line
alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from zoneproof.manager.certificates.options import GivenTask
from zoneproof.migration.found import Findings
from zoneproof.migration.hooks import When, distinct, hook
from zoneproof.migration.lego_config import LegoConfig
from zoneproof.migration.lego_settings import LegoSettings

_KINDS: Mapping[str, When] = {"pre": "before", "deploy": "issued", "post": "always"}
_ELSEWHERE = (
    "lego keeps no hooks in its folder: what its command line says of them (--deploy-hook, or"
    " --run-hook and --renew-hook of lego 4) comes over with `zoneproof edit NAME --deploy-hook"
    " COMMAND`"
)


def variable(kind: str) -> str:
    """Return the variable that holds the hook of a kind: pre, deploy or post."""
    return f"LEGO_{kind.upper()}_HOOK"


def names_hooks(settings: LegoSettings) -> bool:
    """Tell whether any hook is among the variables."""
    names = map(variable, _KINDS)
    return any(settings.variables.get(name) or name in settings.unclear for name in names)


def read_hooks(
    config: LegoConfig, settings: LegoSettings, findings: Findings
) -> tuple[GivenTask, ...]:
    """Return what lego ran for every certificate; the variables go before the configuration.

    Where there is nothing, a note says how hooks come over.
    """
    lines = dict.fromkeys(_KINDS, "")
    for kind in _KINDS:
        with findings.going_on():
            lines[kind] = settings.text(variable(kind))
    for kind, found in config.hook_lines().items():
        lines[kind] = lines.get(kind) or found
    tasks = distinct(
        hook(f"{kind}-hook", lines[kind], when, shell=False, folder=config.folder)
        for kind, when in _KINDS.items()
    )
    if not tasks and not names_hooks(settings):
        findings.notes.append(_ELSEWHERE)
    return tasks
