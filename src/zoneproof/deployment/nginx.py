"""The task that has nginx take up a certificate."""

from __future__ import annotations

from typing import ClassVar

from zoneproof.core.fields import CredentialField
from zoneproof.deployment.contract import TaskInfo
from zoneproof.deployment.parts import file_fields
from zoneproof.deployment.programs import words_check
from zoneproof.deployment.servers import WebServer


class Nginx(WebServer):
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
    tests = ("-q", "-t")
    reloads = ("-s", "reload")
    # Its file of the process number is empty, is missing, or is that of another time.
    stopped = ("invalid PID number", "No such file or directory", "No such process")
