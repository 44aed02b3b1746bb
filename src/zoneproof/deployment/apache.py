"""The task that has Apache's HTTP server take up a certificate."""

from __future__ import annotations

from typing import ClassVar

from zoneproof.core.fields import CredentialField
from zoneproof.deployment.contract import TaskInfo
from zoneproof.deployment.parts import file_fields
from zoneproof.deployment.programs import words_check
from zoneproof.deployment.servers import WebServer


class Apache(WebServer):
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
    tests = ("-t",)
    reloads = ("-k", "graceful")
