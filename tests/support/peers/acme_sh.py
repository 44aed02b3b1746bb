"""acme.sh, as Debian packages it."""

from __future__ import annotations

from tests.support.peers import TOOLS

ACME_SH_HOME = TOOLS / "acme.sh/usr/share/acme.sh"
