"""The task that runs a person's own program; no shell is between."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

from zoneproof.core import times
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.fields import CredentialField
from zoneproof.core.programs import read_seconds
from zoneproof.deployment.contract import Occasion, TaskContext, TaskInfo
from zoneproof.deployment.programs import (
    program_problems,
    run_once,
    shell_problems,
    split_words,
    words_check,
)

_TELLING = 4  # characters; shorter words of a command are no secret
_FILES = ("cert", "chain", "fullchain", "privkey")


class Command:
    """Runs ``command`` with what happened in its environment."""

    info: ClassVar[TaskInfo] = TaskInfo(
        slug="command",
        title="Run a command",
        any_time=True,
        fields=(
            CredentialField(
                "command",
                "program (its absolute path, or a name in PATH) and arguments, split into words"
                " as a shell does",
                check=words_check("command"),
            ),
            CredentialField(
                "timeout",
                "seconds that it may take",
                default="300",
                check=partial(read_seconds, "timeout"),
            ),
        ),
        notes="Nothing of it is read by a shell: for pipes and `&&`, write a script, or"
        " `sh -c '...'`. It finds in its environment `ZONEPROOF_EVENT` (`issued`, `before` or"
        " `failed`), `ZONEPROOF_CERTIFICATE`, `ZONEPROOF_NAMES` (with spaces between),"
        " `ZONEPROOF_FOLDER`; of a certificate `ZONEPROOF_SERIAL`, `ZONEPROOF_NOT_AFTER` (RFC"
        " 3339), `ZONEPROOF_CERT`, `ZONEPROOF_CHAIN`, `ZONEPROOF_FULLCHAIN` and"
        " `ZONEPROOF_PRIVKEY` (paths); after a failure `ZONEPROOF_ERROR`. Hooks of other clients"
        " find what they know: certbot's `RENEWED_LINEAGE`, `RENEWED_DOMAINS` and"
        " `FAILED_DOMAINS`; acme.sh's `Le_Domain`, `CERT_PATH`, `CERT_KEY_PATH`, `CA_CERT_PATH` and"
        " `CERT_FULLCHAIN_PATH`; lego's `LEGO_CERT_DOMAIN`, `LEGO_CERT_PATH`,"
        " `LEGO_CERT_KEY_PATH`, and lego 5's `LEGO_HOOK_CERT_NAME`,"
        " `LEGO_HOOK_CERT_NAME_SANITIZED`, `LEGO_HOOK_CERT_DOMAINS`,"
        " `LEGO_HOOK_CERT_PATH`, `LEGO_HOOK_CERT_KEY_PATH` and `LEGO_HOOK_ISSUER_CERT_PATH`. The"
        " rest is the usual minimum (`PATH`, `HOME`, language, time zone, temporary folder). What"
        " it writes it has to give the modes that others need (`install -m 0644`): the umask of the"
        " units is 0077, that of a shell or of certbot's timer mostly 0022. Any"
        " exit status but 0 is a failure. At the timeout it is killed with all that it started, and"
        " so it is if it prints more than 64 MiB. The end of its output stands in the history. If"
        " Zoneproof is killed while it runs, it continues, and is not run again once it has ended.",
    )

    def __init__(self, context: TaskContext) -> None:
        self._context = context
        self._words = split_words("command", context.fields["command"])
        self._seconds = read_seconds("timeout", context.fields["timeout"])

    async def run(self, occasion: Occasion) -> str:
        """Run the program, unless the run of a killed Zoneproof did so."""
        variables = environment(occasion)
        for name, value in variables.items():
            if "\0" in value:
                raise InvalidInputError(f"{name} cannot hold a NUL character")
        hidden = [word for word in self._words[1:] if len(word) >= _TELLING]
        said = await run_once(
            self._words,
            self._context,
            seconds=self._seconds,
            variables=variables,
            hidden=hidden if "command" in self._context.secret else (),
        )
        return f"ran {self._words[0]}{': ' * bool(said)}{said}"

    async def problems(self) -> list[str]:
        """Look for the program, and for what only a shell would understand."""
        return [*program_problems(self._words), *shell_problems(self._context.fields["command"])]


def environment(occasion: Occasion) -> Mapping[str, str]:
    """Return what a program is told of an occasion, as variables."""
    names = " ".join(occasion.identifiers)
    variables = {
        "ZONEPROOF_EVENT": occasion.event,
        "ZONEPROOF_CERTIFICATE": occasion.certificate,
        "ZONEPROOF_NAMES": names,
        "ZONEPROOF_FOLDER": str(occasion.folder),
        # lego 5's, for all its hooks
        "LEGO_HOOK_CERT_NAME": occasion.certificate,
        "LEGO_HOOK_CERT_NAME_SANITIZED": occasion.certificate,
        "LEGO_HOOK_CERT_DOMAINS": ",".join(occasion.identifiers),
    }
    if occasion.event == "failed":
        variables |= {"ZONEPROOF_ERROR": occasion.error, "FAILED_DOMAINS": names}
    material = occasion.material
    if material is None:
        return variables
    cert, chain, fullchain, privkey = (str(occasion.folder / f"{one}.pem") for one in _FILES)
    first = occasion.identifiers[0] if occasion.identifiers else ""
    return variables | {
        "ZONEPROOF_SERIAL": material.serial,
        "ZONEPROOF_NOT_AFTER": times.stamp(material.chain.leaf.not_valid_after_utc, "seconds"),
        "ZONEPROOF_CERT": cert,
        "ZONEPROOF_CHAIN": chain,
        "ZONEPROOF_FULLCHAIN": fullchain,
        "ZONEPROOF_PRIVKEY": privkey,
        # certbot's, for deploy hooks
        "RENEWED_LINEAGE": str(occasion.folder),
        "RENEWED_DOMAINS": names,
        # acme.sh's, for --reloadcmd
        "Le_Domain": first,
        "CERT_PATH": cert,
        "CERT_KEY_PATH": privkey,
        "CA_CERT_PATH": chain,
        "CERT_FULLCHAIN_PATH": fullchain,
        # lego's, for --run-hook and --renew-hook of lego 4, and for the deploy hook of lego 5
        "LEGO_CERT_DOMAIN": first,
        "LEGO_CERT_PATH": fullchain,
        "LEGO_CERT_KEY_PATH": privkey,
        "LEGO_HOOK_CERT_PATH": fullchain,
        "LEGO_HOOK_CERT_KEY_PATH": privkey,
        "LEGO_HOOK_ISSUER_CERT_PATH": chain,
    }
