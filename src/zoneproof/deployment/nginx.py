"""The task that has nginx take up a certificate."""

from __future__ import annotations

from typing import ClassVar

from zoneproof.core.fields import CredentialField
from zoneproof.deployment.contract import Occasion, TaskContext, TaskInfo
from zoneproof.deployment.parts import file_fields, file_problems
from zoneproof.deployment.programs import program_problems, run, split_words, words_check
from zoneproof.deployment.servers import SECONDS, copy_test_reload


class Nginx:
    """Copies, runs ``nginx -t``, and ``nginx -s reload``."""

    info: ClassVar[TaskInfo] = TaskInfo(
        slug="nginx",
        title="nginx",
        homepage="https://nginx.org/en/docs/control.html",
        fields=(
            *file_fields("fullchain", "key", "chain"),
            CredentialField(
                "program",
                "how nginx is called, with -c for another configuration",
                default="nginx",
                check=words_check("program"),
            ),
        ),
        notes="Let `ssl_certificate` and `ssl_certificate_key` name the files that are written, or"
        " `fullchain.pem` and `privkey.pem` in the certificate's own folder; then no field is"
        " needed. `nginx -t` tests the configuration first. If that fails, the old files come"
        " back and nothing is reloaded. Connections that are open stay open.",
    )

    def __init__(self, context: TaskContext) -> None:
        self._context = context
        self._words = split_words("program", context.fields["program"])

    async def run(self, occasion: Occasion) -> str:
        """Have nginx serve the certificate."""

        async def reload() -> None:
            await run([*self._words, "-s", "reload"], seconds=SECONDS)

        test = [*self._words, "-q", "-t"]
        return await copy_test_reload(self._context, occasion, test=test, reload=reload)

    async def problems(self) -> list[str]:
        """Look for nginx, and at folders and owners."""
        return [*program_problems(self._words), *file_problems(self._context.fields)]
