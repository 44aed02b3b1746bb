"""Each client as a person would set it up: first it registers, then, with the CNAME, it obtains."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import pyacmedns  # type: ignore[import-untyped]

from tests.support.client_world import DOMAIN, NAMES, ClientWorld
from tests.support.peers.certbot import certonly_command

_GUIDE = Path(__file__).parents[2] / "docs/challenge-clients.md"
_TARGET = re.compile(r"CNAME\s+([0-9a-f-]{36}\.\S+?)\.?\s")


def script_of_the_guide(language: str) -> str:
    """Return the one script that the guide to clients shows in a language."""
    (found,) = re.findall(
        rf"^```{language}\n(#!.*?)^```", _GUIDE.read_text(), re.MULTILINE | re.DOTALL
    )
    script: str = found
    return script


class Client(ABC):
    """A client on a machine of its own: ``folder`` holds all that it keeps.

    ``server`` is the base URL by which it reaches the service.
    """

    withdraws: ClassVar[bool]
    """Whether it takes its values back after the validation, as acme-dns itself cannot."""

    def __init__(self, world: ClientWorld, server: str, folder: Path) -> None:
        self.world = world
        self.server = server
        self.folder = folder
        folder.mkdir()

    @abstractmethod
    def register(self) -> str:
        """Register the domain, and return the name that the client says the CNAME must have."""

    @abstractmethod
    def obtain(self) -> Path:
        """Obtain the certificate for both names, and return the file of its chain."""

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program to its end."""
        return subprocess.run(
            command,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


class Certbot(Client):
    """What the clients inside certbot share."""

    def certonly(self, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run ``certbot certonly`` with the options of an authenticator."""
        return self.run(
            *self.world.python,
            *certonly_command(
                self.world.pebble.directory_url,
                self.folder / "certbot",
                *options,
                *(f"--domain={name}" for name in NAMES),
            ),
            REQUESTS_CA_BUNDLE=str(self.world.pebble.ca_bundle),
            **environment,
        )

    def chain(self, done: subprocess.CompletedProcess[str]) -> Path:
        """Return the file of the chain after a run that succeeded."""
        assert done.returncode == 0, done.stdout + done.stderr
        return self.folder / "certbot/live" / DOMAIN / "fullchain.pem"

    def private_file(self, name: str, *lines: str) -> str:
        """Write a file that only its owner can read, and return its path."""
        path = self.folder / name
        path.touch(0o600)
        path.write_text("".join(f"{line}\n" for line in lines))
        return str(path)


class Lego(Certbot):
    """lego 5, which the certbot plugin dns-multi carries as a library."""

    withdraws = False

    def register(self) -> str:
        done = self._certonly()
        assert done.returncode == 1, done.stdout
        found = _TARGET.search(done.stderr)
        assert found, done.stderr
        return found[1]

    def obtain(self) -> Path:
        return self.chain(self._certonly())

    def _certonly(self) -> subprocess.CompletedProcess[str]:
        settings = self.private_file(
            "lego.ini",
            "dns_multi_provider = acme-dns",
            f"ACME_DNS_API_BASE = {self.server}",
            f"ACME_DNS_STORAGE_PATH = {self.folder}/lego-accounts.json",
        )
        return self.certonly(
            "--authenticator=dns-multi",
            f"--dns-multi-credentials={settings}",
            f"--dns-multi-nameservers=127.0.0.1:{self.world.unbound.port}",
            "--dns-multi-propagation-seconds=0",
        )


class AcmeDnsPlugin(Certbot):
    """The certbot plugin dns-acmedns, for which pyacmedns registers and updates."""

    withdraws = False

    def register(self) -> str:
        account = pyacmedns.Client(self.server).register_account(["127.0.0.0/8"])
        accounts = pyacmedns.Storage(str(self.folder / "accounts.json"))
        accounts.put(DOMAIN, account)
        accounts.save()
        return str(account["fulldomain"])

    def obtain(self) -> Path:
        settings = self.private_file(
            "acmedns.ini",
            f"dns_acmedns_api_url = {self.server}",
            f"dns_acmedns_registration_file = {self.folder}/accounts.json",
        )
        return self.chain(
            self.certonly(
                "--authenticator=dns-acmedns",
                f"--dns-acmedns-credentials={settings}",
                "--dns-acmedns-propagation-seconds=0",
            )
        )


class ManualHook(Certbot):
    """certbot's manual mode with the hook that the guide to clients shows."""

    withdraws = True

    def register(self) -> str:
        done = self.run(
            *self.world.python,
            self._hook(),
            "register",
            DOMAIN,
            ACME_DNS_SERVER=self.server,
            ACME_DNS_ACCOUNTS=str(self.accounts),
        )
        found = _TARGET.search(done.stdout)
        assert found, done.stderr
        return found[1]

    def obtain(self) -> Path:
        hook = shlex.join([*self.world.python, self._hook()])
        return self.chain(
            self.certonly(
                "--manual",
                "--preferred-challenges=dns",
                f"--manual-auth-hook={hook}",
                f"--manual-cleanup-hook={hook}",
                ACME_DNS_ACCOUNTS=str(self.accounts),
            )
        )

    @property
    def accounts(self) -> Path:
        """The folder of the registrations."""
        return self.folder / "accounts"

    def _hook(self) -> str:
        return self.private_file("hook", script_of_the_guide("python"))


class Manager(Client):
    """``zoneproof issue`` with the provider acme-dns."""

    withdraws = True

    def register(self) -> str:
        status, said = self._issue()
        assert status == 3, said
        found = _TARGET.search(said)
        assert found, said
        return found[1]

    def obtain(self) -> Path:
        status, said = self._issue()
        assert status == 0, said
        return self.folder / "live" / DOMAIN / "fullchain.pem"

    def _issue(self) -> tuple[int, str]:
        done = self.world.run(
            "issue",
            "--provider=acme-dns",
            "--field=server=env:ACME_DNS_SERVER",
            *self.world.ca_options,
            *self.world.dns_options,
            *NAMES,
            environment={"ZONEPROOF_HOME": str(self.folder), "ACME_DNS_SERVER": self.server},
        )
        return done.status, done.stdout + done.stderr
