"""The task that has Apache's HTTP server take up a certificate."""

from __future__ import annotations

from typing import ClassVar

from zoneproof.core.fields import CredentialField
from zoneproof.deployment.contract import TaskInfo
from zoneproof.deployment.parts import file_fields
from zoneproof.deployment.programs import run, words_check
from zoneproof.deployment.servers import SECONDS, WebServer


class Apache(WebServer):
    """Copies, runs ``apachectl -t``, and ``apachectl graceful``."""

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
    tests = ("-t",)

    async def reload(self) -> None:
        """Have it read all again: by one word, if the program is ``apachectl`` alone.

        Red Hat's takes no more, as its apachectl(8) says, and elsewhere the word means the same. A
        program with arguments hands all of them to httpd, which knows ``-k`` alone.
        """
        alone = len(self.words) == 1 and self.words[0].endswith("ctl")
        words = ["graceful"] if alone else ["-k", "graceful"]
        await run([*self.words, *words], seconds=SECONDS)
