"""``acmesh:<dns_xxx>``: the scripts for DNS providers of an acme.sh that is installed.

Of acme.sh's documented way with them (its wiki, "DNS API Dev Guide"): a script defines
``dns_xxx_add`` and ``dns_xxx_rm``, each called with the full name and the value, finds its settings
in variables, and what it saves in the account's configuration; ``dns_xxx_info`` describes it.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from zoneproof.core.errors import InvalidInputError, ProviderError
from zoneproof.core.files import absolute_path, read_file
from zoneproof.core.text import sanitize
from zoneproof.providers.adapters import KINDS, LIMITS, TIMEOUT, Adapter, last_lines, sounds_secret
from zoneproof.providers.contract import ProviderContext, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import CredentialField

_NAME = re.compile(r"dns_[A-Za-z0-9_]+")
_OPTION = re.compile(r"\s+([A-Za-z_][A-Za-z0-9_]*)\s+(.+)")
_STATUS = re.compile(rb"^\s*HTTP/[0-9.]+ ([0-9]{3})", re.MULTILINE)
_UNKNOWN_ZONE = re.compile(rb"invalid domain|domain (?:does not exist|not found)", re.IGNORECASE)
# acme.sh runs the function that its first argument names, so that `true` makes of it a library.
_RUN = """program=$1 script=$2 call=$3 name=$4 value=$5
set -- true
. "$program"
_initpath "$name"
. "$script"
"$call" "$name" "$value"
"""
_NOTES = (
    "acme.sh is not a part of Zoneproof: install it, or tell where it is by the field `home` or the"
    " variable `ACME_SH_HOME`. Any other variable that the script reads is a field, too."
)


def _folders(home: str = "") -> Iterator[Path]:
    """Return where acme.sh and people's own scripts for it may be, the likeliest first."""
    for folder in (home, os.environ.get("ACME_SH_HOME"), os.environ.get("LE_WORKING_DIR")):
        if folder:
            yield Path(folder)
    yield Path("~/.acme.sh").expanduser()
    for folder in ("/usr/share", "/usr/local/share", "/opt"):
        yield Path(folder, "acme.sh")
    program = shutil.which("acme.sh")
    if program:
        yield Path(program).resolve().parent


def _scripts(home: str = "") -> dict[str, Path]:
    """Return the scripts that are there, by name."""
    found: dict[str, Path] = {}
    for folder in _folders(home):
        for where in (folder / "dnsapi", folder):
            for path in sorted(where.glob("dns_*.sh")) if os.access(where, os.R_OK) else ():
                found.setdefault(path.stem, path)
    return found


def _program(home: str) -> Path | None:
    programs = (folder / "acme.sh" for folder in _folders(home))
    return next((one for one in programs if os.access(one, os.R_OK) and one.is_file()), None)


def _shell(program: Path) -> list[str]:
    """Return the command of the shell that acme.sh is run by, which its first line names.

    Its installer writes bash there where there is one; packages leave ``sh``, which is quicker.
    """
    try:
        with program.open("rb") as file:
            first = os.fsdecode(file.readline(200))
    except OSError:
        first = ""  # the shell says why it cannot be read
    return (first[2:].split() if first.startswith("#!") else []) or ["/bin/sh"]


def _header(name: str, script: Path) -> dict[str, str]:
    """Return what the script says of itself: title, ``Site``, and ``Options`` a line each."""
    try:
        text = read_file(script).decode("utf-8", "replace")
    except OSError:
        return {}
    start = re.search(rf"^{name}_info=(['\"])(.*?)\1", text, re.MULTILINE | re.DOTALL)
    lines = start[2].splitlines() if start else []
    header = {"title": sanitize(lines[0])} if lines else {}
    part = ""
    for line in lines[1:]:
        if line.startswith(" "):
            header[part] = header.get(part, "") + line + "\n"
        else:
            part, _, value = line.partition(":")
            header[part] = value.strip()
    return header


def _title(name: str, header: Mapping[str, str]) -> str:
    return f"{header.get('title') or name} (acme.sh)"


def _variables(options: str) -> Iterator[CredentialField]:
    for line in options.splitlines():
        if option := _OPTION.fullmatch(line):
            name, text = option.groups()
            yield CredentialField(
                name, sanitize(text).rstrip("."), secret=sounds_secret(name), default=""
            )


class AcmeShScript(Adapter):
    """Runs a script's function for each value, one after the other."""

    form: ClassVar = "acmesh:dns_NAME"
    own_fields: ClassVar = frozenset({"home", TIMEOUT.name})

    @classmethod
    def describe(cls, name: str) -> ProviderInfo:
        """Describe a script, by its own header where it is installed in a usual place."""
        if not _NAME.fullmatch(name):
            raise InvalidInputError(
                f"'{sanitize(name)}' is not the name of a script of acme.sh: these are like dns_cf"
            )
        script = _scripts().get(name)
        header = _header(name, script) if script else {}
        site = header.get("Site", "")
        options = header.get("Options", "") + header.get("OptionsAlt", "")
        variables = {field.name: field for field in _variables(options)}
        return ProviderInfo(
            slug=f"acmesh:{name}",
            title=_title(name, header),
            homepage=f"https://{site.removeprefix('https://')}" if site else "",
            fields=(
                *variables.values(),
                CredentialField(
                    "home",
                    "folder of acme.sh, where it is in no usual place",
                    default="",
                    check=partial(absolute_path, f"acmesh:{name}: home"),
                    rare=True,
                ),
                TIMEOUT,
            ),
            limits=LIMITS,
            free_fields="any variable that the script reads",
            notes=_NOTES if script else f"The script is not in a usual place here. {_NOTES}",
        )

    @classmethod
    def installed(cls) -> dict[str, str]:
        """Return the scripts of an acme.sh in a usual place."""
        if not _program(""):
            return {}
        scripts = sorted(_scripts().items())
        return {name: _title(name, _header(name, path)) for name, path in scripts}

    def __init__(self, context: ProviderContext) -> None:
        super().__init__(context)
        home = context.fields["home"]
        program, scripts = _program(home), _scripts(home)
        if not program:
            raise InvalidInputError(
                f"{self.info.slug}: acme.sh is not in {home or 'a usual place'}: install it, or"
                " tell where it is by the field home"
            )
        if self.name not in scripts:
            near = difflib.get_close_matches(self.name, scripts, n=1)
            advice = f"did you mean acmesh:{near[0]}?" if near else "is its version the right one?"
            raise InvalidInputError(
                f"{self.info.slug}: the acme.sh in {program.parent} has no script {self.name}.sh:"
                f" {advice}"
            )
        files = (str(program), str(scripts[self.name]))
        self._command = (*_shell(program), "-c", _RUN, "acme.sh", *files)

    async def change(
        self, action: str, zone: Zone, records: Sequence[TxtRecord]
    ) -> Sequence[ProviderError | None]:
        """Run the script for one value after the other; it sets a TTL of its own."""
        return [await self._change_one(action, zone, record) for record in records]

    async def _change_one(self, action: str, zone: Zone, record: TxtRecord) -> ProviderError | None:
        name = zone.record(record.name).text
        where = f"{self.info.slug} ({action}, zone {zone.name}, name {name})"
        call = f"{self.name}_{'add' if action == 'add' else 'rm'}"
        command = [*self._command, call, name, record.value]
        headers = self.home / "http.header"
        headers.unlink(missing_ok=True)
        variables = {
            **self.theirs,
            "LE_WORKING_DIR": str(self.home),
            "LE_CONFIG_HOME": str(self.home),
            "NO_TIMESTAMP": "1",
        }
        try:
            ended = await self.run(where, command, variables, 1)
        except ProviderError as error:
            return error
        if ended.status == 0:
            return None
        # acme.sh keeps the head of the last answer there, or what wget says of it.
        found = _STATUS.findall(headers.read_bytes()) if headers.exists() else []
        kind = found[-1].decode() if found else ""
        if kind not in KINDS and _UNKNOWN_ZONE.search(ended.stderr):
            kind = "zone"
        # The last line is often no more than that it failed; the one before says why.
        return self.error(where, kind, last_lines(ended, 2))
