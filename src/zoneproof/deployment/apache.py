"""The task that has Apache's HTTP server take up a certificate."""

from __future__ import annotations

from typing import ClassVar

from zoneproof.core.fields import CredentialField
from zoneproof.deployment.contract import Occasion, TaskContext, TaskInfo
from zoneproof.deployment.parts import file_fields, file_problems
from zoneproof.deployment.programs import program_problems, run, split_words, words_check
from zoneproof.deployment.servers import SECONDS, copy_test_reload


class Apache:
    """Copies, runs ``apachectl -t``, and ``apachectl -k graceful``."""

    info: ClassVar[TaskInfo] = TaskInfo(
        slug="apache",
        title="Apache HTTP Server",
        homepage="https://httpd.apache.org/docs/2.4/stopping.html",
        fields=(
            *file_fields("fullchain", "key", "chain"),
            CredentialField(
                "program",
                "how Apache is controlled, with -f for another configuration",
                default="apachectl",
                check=words_check("program"),
            ),
        ),
        notes="Let `SSLCertificateFile` and `SSLCertificateKeyFile` name the files that are"
        " written, or `fullchain.pem` and `privkey.pem` in the certificate's own folder; then no"
        " field is needed. `apachectl -t` tests the configuration first. If that fails, the old"
        " files come back and nothing is reloaded. The reload is graceful: requests that are being"
        " answered are finished. A server that does not run is started by it.",
    )

    def __init__(self, context: TaskContext) -> None:
        self._context = context
        self._words = split_words("program", context.fields["program"])

    async def run(self, occasion: Occasion) -> str:
        """Have Apache serve the certificate."""

        async def reload() -> None:
            await run([*self._words, "-k", "graceful"], seconds=SECONDS)

        test = [*self._words, "-t"]
        return await copy_test_reload(self._context, occasion, test=test, reload=reload)

    async def problems(self) -> list[str]:
        """Look for apachectl, and at folders and owners."""
        return [*program_problems(self._words), *file_problems(self._context.fields)]
