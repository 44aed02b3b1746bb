"""A home with one of everything that can be moved, and secrets that are known."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tests.support.self_signed import key_pem, self_signed
from zoneproof.acme import AccountKey, CertificateChain
from zoneproof.core.names import DomainName
from zoneproof.issuance import Issued
from zoneproof.manager import (
    AccountTerms,
    CertificateDefinition,
    Credential,
    DnsSettings,
    Home,
    MethodDefinition,
    open_manager,
)
from zoneproof.manager.accounts.store import new_account
from zoneproof.manager.certificates.deployment_state import NotDeployed
from zoneproof.manager.certificates.renewal_state import RenewalState
from zoneproof.manager.certificates.state import CertificateState
from zoneproof.manager.certificates.task_definition import TaskDefinition
from zoneproof.manager.certificates.versions import FileForm
from zoneproof.providers import Registration

SECRETS = ("c2VjcmV0LW9mLXRzaWc=", "password-of-registration", "password-of-bundle")
SETTINGS = '# what holds for all\naccount = "letsencrypt-staging"\nparallel = 7\n'
SERVER = "https://auth.example.net"
UNDEPLOYED = NotDeployed(
    since=datetime(2026, 11, 1, tzinfo=UTC),
    attempts=2,
    last_error="the reload failed",
    next_attempt_at=datetime(2026, 11, 2, tzinfo=UTC),
)
TASK = TaskDefinition(task="command", name="web", fields={"command": "/bin/true"})
DIRECTORY = "https://acme-staging-v02.api.letsencrypt.org/directory"


def issued(*names: str, days: tuple[float, float] = (-1, 89)) -> Issued:
    """Return a certificate that is its own issuer."""
    certificate, key = self_signed(*names, days=days)
    return Issued(CertificateChain((certificate, certificate)), key_pem(key))


def not_deployed(state: CertificateState) -> CertificateState:
    """Return the state of a certificate that one task has not deployed."""
    return msgspec.structs.replace(state, not_deployed={"web": UNDEPLOYED})


async def fill(path: Path) -> None:
    """Make the home."""
    path.mkdir(parents=True)
    (path / "settings.toml").write_text(SETTINGS)
    async with open_manager(Home(path)) as manager:
        fields = {"server": "192.0.2.1", "key_name": "k", "secret": SECRETS[0]}
        dns = DnsSettings(propagation="authoritative+30")
        await manager.credentials.save(Credential("dns", "rfc2136", fields, dns))

        account = new_account("letsencrypt-staging", DIRECTORY, AccountTerms(email="a@b.example"))
        account = msgspec.structs.replace(account, account_url="https://acme.example/acct/1")
        await manager.accounts.add(account)
        await manager.accounts.keep_next_key(account, AccountKey.generate("ES256"))
        plain = new_account("private", "https://ca.example/dir", AccountTerms())
        await manager.accounts.add(plain)

        target = DomainName("d420c923.auth.example.net")
        await manager.registrations.put(
            DomainName("www.example.com"),
            Registration(SERVER, target, "d420c923", "user", SECRETS[1]),
        )

        for name in ("a.example", "b.example"):
            method = MethodDefinition(credential="dns")
            tasks = (TASK,) if name == "b.example" else ()
            definition = CertificateDefinition(
                name=name,
                identifiers=(name,),
                method=(method,),
                pkcs12=name == "a.example",
                deploy=tasks,
            )
            await manager.certificates.save(definition)
        await manager.certificates.set_pkcs12_password("a.example", SECRETS[2])
        await manager.certificates.change_state("b.example", CertificateState, not_deployed)
        await manager.states.set_awaiting("b.example", ("a record",))
        await manager.states.set_renewal("b.example", RenewalState(failures=2, last_error="no"))
        form = FileForm(pkcs12_password=SECRETS[2].encode())
        manager.files.write("a.example", issued("a.example"), form)
