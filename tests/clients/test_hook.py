"""The guide's hook for certbot: what people give it by mistake, it says in a line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.challenge_service import Service, txt, write_config
from tests.support.clients import script_of_the_guide
from zoneproof.testing.ports import free_port


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(write_config(tmp_path_factory.mktemp("service"))) as running:
        yield running


class Hook:
    """The script, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.accounts = folder / "accounts"
        self._script = folder / "acme-dns-hook"
        self._script.write_text(script_of_the_guide("python"))

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(self._script), *arguments],
            env={**os.environ, "ACME_DNS_ACCOUNTS": str(self.accounts), **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def refused(self, *arguments: str, **environment: str) -> str:
        """Return what it says instead of doing it."""
        done = self.run(*arguments, **environment)
        assert (done.returncode, done.stdout) == (1, "")
        assert "Traceback" not in done.stderr
        return done.stderr.strip()


@pytest.fixture
def hook(tmp_path: Path) -> Hook:
    return Hook(tmp_path)


@pytest.mark.parametrize("name", ["*.example.net", "Example.NET."])
def test_a_name_is_registered_as_certbot_gives_it(hook: Hook, service: Service, name: str) -> None:
    done = hook.run("register", name, ACME_DNS_SERVER=service.url)
    assert done.stdout.startswith("_acme-challenge.example.net. CNAME "), done.stderr
    (file,) = hook.accounts.iterdir()
    assert file.name == "example.net.json"
    done = hook.run(CERTBOT_DOMAIN="example.net", CERTBOT_VALIDATION=txt("a"))
    assert done.returncode == 0, done.stderr
    assert service.texts(json.loads(file.read_text())["fulldomain"]) == [txt("a")]


@pytest.mark.parametrize("name", ["../evil", "..", "/etc/evil.com", "", "localhost", "a b.com"])
def test_what_is_no_domain_is_refused(hook: Hook, service: Service, name: str) -> None:
    told = hook.refused("register", name, ACME_DNS_SERVER=service.url)
    assert told == f"'{name}' is not a domain: write example.com"
    assert [path.name for path in hook.accounts.parent.iterdir()] == ["acme-dns-hook"]


def test_what_is_missing_is_said(hook: Hook, service: Service) -> None:
    usage = "ACME_DNS_SERVER=https://… acme-dns-hook register example.com"
    assert usage in hook.refused()
    assert usage in hook.refused("register", ACME_DNS_SERVER=service.url)
    assert usage in hook.refused("register", "example.net")
    told = hook.refused(CERTBOT_DOMAIN="example.net", CERTBOT_VALIDATION=txt("a"))
    assert told == "example.net is not registered: run 'acme-dns-hook register example.net' first"


def test_a_server_that_cannot_be_asked_is_said(hook: Hook) -> None:
    host = f"127.0.0.1:{free_port()}"
    told = hook.refused("register", "example.net", ACME_DNS_SERVER=f"http://{host}")
    assert told.startswith(f"cannot ask {host}: ")
    assert "Connection refused" in told
    told = hook.refused("register", "example.net", ACME_DNS_SERVER="auth.example.org")
    assert told.startswith("cannot ask ACME_DNS_SERVER: unknown url type")
