"""Without the extra ``web`` the service runs as before, and its pages say what to install."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.challenge_service import Service, register, request, txt, update, write_config

# What is in the place of a package that is not installed.
_MISSING = "raise ModuleNotFoundError('not installed', name='jinja2')\n"


class Without(Service):
    """A service whose Python finds no Jinja2."""

    is_fork = False

    def __init__(self, config: Path, folder: Path) -> None:
        super().__init__(config)
        (folder / "jinja2.py").write_text(_MISSING)
        run = f"import sys; sys.path.insert(0, {str(folder)!r}); from zoneproof.cli import main; "
        self.command[:3] = [sys.executable, "-c", run + "main()"]


def test_the_service_runs_and_the_pages_say_what_to_install(tmp_path: Path) -> None:
    folder = tmp_path / "modules"
    folder.mkdir()
    with Without(write_config(tmp_path), folder) as service:
        for path in ("/portal/", "/admin/", "/portal/sign-in", "/admin"):
            answer = request(service.url, "GET", path)
            assert answer.status == 503
            assert answer.body.decode().count("\n") == 1
            assert b"the extra 'web'" in answer.body
        account = register(service.url)
        assert update(service.url, account, txt("a")).status == 200
        assert service.texts(account.fulldomain) == [txt("a")]
