"""The provider that runs a program written for lego's exec provider."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

from zoneproof.core.files import absolute_path
from zoneproof.core.programs import read_seconds, require_program
from zoneproof.providers.contract import Alias, ProviderInfo
from zoneproof.providers.fields import LEGO_MODE, CredentialField
from zoneproof.providers.script import Script


class LegoExec(Script):
    """Runs the program with ``present`` or ``cleanup``, the name with its last dot, the value."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="exec",
        title="lego's exec",
        homepage="https://go-acme.github.io/lego/dns/exec/",
        fields=(
            CredentialField(
                "program",
                "absolute path of the program",
                check=partial(absolute_path, "exec: program"),
                file=partial(require_program, "exec: program"),
            ),
            LEGO_MODE,
            CredentialField(
                "timeout",
                "seconds that the program may take",
                default="120",
                check=partial(read_seconds, "exec: timeout"),
            ),
        ),
        notes="For programs that exist already; a new one is written more easily for"
        " [script](script.md). It is run as `program present _acme-challenge.example.com. VALUE`,"
        " later with `cleanup`, once at a time for each zone, with the variables and the other"
        " rules of script. lego's mode `RAW` is not possible: the key authorization is not given"
        " to providers. A value may begin with `-`.",
        aliases=(Alias("lego", "exec", {"EXEC_PATH": "program", "EXEC_MODE": "mode"}),),
    )
    programs: ClassVar[tuple[str, str]] = ("program", "program")

    def arguments(self, variables: Mapping[str, str]) -> list[str]:
        """Return what lego gives to the program (providers/dns/exec, July 2026)."""
        action = "present" if variables["ZONEPROOF_ACTION"] == "create" else "cleanup"
        return [action, f"{variables['ZONEPROOF_RECORD']}.", variables["ZONEPROOF_VALUE"]]
