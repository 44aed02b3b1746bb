"""Reads lego's folder, usually ``.lego``, as lego 4 and lego 5 write it.

The layout is that of lego's source (``cmd/internal/storage`` and ``cmd/internal/migrate`` of 5.3):
``accounts/<host>/<id>/account.json``, where a port's colon is ``_``. In lego 4 it holds ``email``
and ``registration`` with ``body`` and ``uri``, and the key is ``keys/<email>.key``; in lego 5 it
holds ``id``, ``server`` and ``registration`` with ``accountURL``, and ``<id>.key`` is beside it.
Certificates are ``certificates/<name>.crt``, ``.issuer.crt``, ``.key`` and ``.json`` in both, and
lego 5 keeps the profile and the chain that were asked for in the last of them.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from zoneproof.manager.certificates.options import GivenTask
from zoneproof.migration.directories import account_url, current, from_host, host_of
from zoneproof.migration.found import Findings, Found, FoundAccount, FoundCertificate
from zoneproof.migration.lego_config import LegoConfig, read_config
from zoneproof.migration.lego_hooks import read_hooks
from zoneproof.migration.lego_settings import LegoSettings, read_method
from zoneproof.migration.methods import no_method
from zoneproof.migration.reading import (
    exists,
    folders_below,
    is_folder,
    list_folder,
    pem_account_key,
    read_json,
    read_leaf,
    shown,
    unusable,
)

_ISSUER = ".issuer.crt"
_WILDCARD = "_."


class _Body(msgspec.Struct):
    contact: list[str] | None = None


class _Registration(msgspec.Struct):
    """``body`` and ``uri`` are lego 4's, the others lego 5's."""

    body: _Body | None = None
    uri: str = ""
    contact: list[str] | None = None
    account_url: str = msgspec.field(name="accountURL", default="")


class _Account(msgspec.Struct):
    id: str = ""
    email: str = ""
    server: str = ""
    registration: _Registration | None = None


class _Resource(msgspec.Struct, rename="camel"):
    id: str = ""
    preferred_chain: str = ""
    profile: str = ""
    cert_url: str = ""
    cert_stable_url: str = ""


def read_lego(
    folder: Path, *, directory_url: str = "", settings: LegoSettings | None = None
) -> Found:
    """Read all that lego keeps in its folder; what cannot be read is among the problems.

    lego 4 keeps no more of a CA than its host: ``directory_url`` tells that of a CA which is not
    one of :data:`zoneproof.acme.cas.KNOWN`. ``settings`` tell what lego does not keep.
    """
    settings = settings or LegoSettings()
    findings = Findings()
    accounts, certificates = folder / "accounts", folder / "certificates"
    if not is_folder(accounts) and not is_folder(certificates):
        findings.problems.append(
            f"{shown(folder)}: lego's folders accounts and certificates are not in it, or this "
            "user cannot see them"
        )
        return findings.found()
    if is_folder(accounts):
        with findings.going_on():
            for place in folders_below(accounts, findings.problems):
                if exists(place / "account.json"):
                    with findings.going_on():
                        findings.accounts.append(_account(place, directory_url))
    if is_folder(certificates):
        config = read_config(folder, findings)
        tasks = read_hooks(config, settings, findings)
        with findings.going_on():
            for file in sorted(list_folder(certificates), key=_wildcards_last):
                if file.name.endswith(".crt") and not file.name.endswith(_ISSUER):
                    with findings.going_on():
                        findings.certificates.append(
                            _certificate(file, findings, directory_url, settings, config, tasks)
                        )
    return findings.found()


def _account(place: Path, given: str) -> FoundAccount:
    file = place / "account.json"
    account = read_json(file, _Account)
    registration = account.registration or _Registration()
    url = current(account.server) or _directory(place.parent.name, given)
    if not url:
        raise unusable(
            file,
            f"lego 4 stores only '{place.parent.name}' of the CA: give the URL of its directory "
            "with --ca",
        )
    contact = registration.contact or (registration.body and registration.body.contact)
    if not contact and account.email:
        contact = [f"mailto:{account.email}"]
    return FoundAccount(
        url,
        account_url(registration.account_url or registration.uri, url),
        pem_account_key(_key_file(place, account)),
        tuple(contact or ()),
        place,
    )


def _key_file(place: Path, account: _Account) -> Path:
    """Return where the key is; the identity in the file cannot lead out of the folder."""
    names = [Path(name).name for name in (account.id, account.email, place.name) if name]
    for parent in (place, place / "keys"):
        for name in names:
            if exists(parent / f"{name}.key"):
                return parent / f"{name}.key"
    raise unusable(place, "the account's key is not in it")


def _directory(host: str, given: str) -> str:
    """Return the directory URL for a host whose colon may be written as ``_``."""
    if host in (host_of(given), host_of(given).replace(":", "_")):
        return given
    return from_host(host)


def _certificate(
    file: Path,
    findings: Findings,
    given: str,
    settings: LegoSettings,
    config: LegoConfig,
    tasks: tuple[GivenTask, ...],
) -> FoundCertificate:
    base = file.name.removesuffix(".crt")
    leaf = read_leaf(file)
    resource = _resource(file.with_name(f"{base}.json"), findings)
    directory_url = _ca_of(resource, findings, given)
    name, name_note = findings.free_name(base.removeprefix(_WILDCARD), file)
    configured = config.certificate(resource.id or base)
    if settings.provider:
        method = read_method(settings, findings)
    elif configured:
        method = config.method(configured, settings, findings)
    else:
        method = no_method(
            "lego's files do not name its DNS provider, which comes over with"
            " `zoneproof import lego --dns PROVIDER --env-file FILE`"
        )
    notes = [
        name_note,
        leaf.key_note,
        "" if directory_url else f"its CA is not in lego's files: `zoneproof edit {name} --ca URL`",
        findings.private_ca_note(name, directory_url),
        *method.notes,
    ]
    key = file.with_name(f"{base}.key")
    return FoundCertificate(
        name=name,
        identifiers=leaf.identifiers,
        directory_url=directory_url,
        key_type=leaf.key_type,
        method=method,
        source=file,
        chain_pem=file,
        private_key=key if exists(key) else None,
        reuse_key=bool(configured and configured.reuse_key),
        preferred_chain=(configured and configured.preferred_chain) or resource.preferred_chain,
        profile=(configured and configured.profile) or resource.profile,
        tasks=tasks,
        notes=tuple(filter(None, notes)),
    )


def _wildcards_last(file: Path) -> bool:
    # Where both would have one name, the wildcard's gets a number.
    return file.name.startswith(_WILDCARD)


def _resource(file: Path, findings: Findings) -> _Resource:
    if exists(file):
        with findings.going_on():
            return read_json(file, _Resource)
    return _Resource()


def _ca_of(resource: _Resource, findings: Findings, given: str) -> str:
    host = host_of(resource.cert_url or resource.cert_stable_url)
    directories = {account.directory_url for account in findings.accounts}
    same_host = {url for url in directories if host_of(url) == host}
    if len(same_host) == 1:
        return same_host.pop()
    if host:
        return _directory(host, given)
    return directories.pop() if len(directories) == 1 else ""
