"""Reads certbot's folder, usually ``/etc/letsencrypt``.

The layout is certbot's own, the same from 0.9 to 5.8: ``accounts/<host>/<path>/<id>/`` with
``private_key.json`` (a JWK) and ``regr.json``; ``renewal/<name>.conf``; ``live/<name>/`` with links
into ``archive/<name>/``.
"""

from __future__ import annotations

import os
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.names import Identifier
from zoneproof.core.text import sanitize
from zoneproof.manager.certificates.options import GivenTask
from zoneproof.migration.certbot_plugins import CertbotRenewal, read_method
from zoneproof.migration.configobj import Section, read_configobj
from zoneproof.migration.directories import account_url, current, from_folders, place
from zoneproof.migration.found import Findings, Found, FoundAccount, FoundCertificate
from zoneproof.migration.hooks import When, distinct, hook
from zoneproof.migration.methods import FoundMethod
from zoneproof.migration.reading import (
    Leaf,
    exists,
    find_leaf,
    folders_below,
    is_folder,
    jwk_account_key,
    key_kind,
    key_permissions,
    list_folder,
    read_json,
    read_leaf,
    read_text,
    shown,
    unusable,
)

_DEFAULT_SERVER = "https://acme-v02.api.letsencrypt.org/directory"
_USUAL_RSA, _USUAL_CURVE = "2048", "secp256r1"
# Of the hooks of one certificate, and of the programs in renewal-hooks/, when each was run. What
# is given as deploy_hook is called renew_hook in a certificate's file.
_HOOKS: dict[str, When] = {"pre_hook": "before", "renew_hook": "issued", "post_hook": "always"}
# A line of cli.ini, as ConfigArgParse reads it: name and value, or the name of a flag.
_CLI_LINE = re.compile(
    r"""(?:--)?([^:=;\#\s\[]+)\s*(?:[:=\s]\s*(['"]?)(.*?)\2)?\s*(?:\s[;\#].*)?""", re.VERBOSE
)
_OF_CERTIFICATES = (  # settings that a certificate's own file has, too
    *("server", "account", "authenticator", "key_type", "rsa_key_size", "elliptic_curve"),
    *("reuse_key", "preferred_chain", "preferred_profile", "required_profile"),
)
_TRUE = ("", "true", "yes", "on", "1")  # after a flag in cli.ini
_HOOK_FOLDERS: dict[str, When] = {"pre": "before", "deploy": "issued", "post": "always"}


class _Body(msgspec.Struct):
    contact: list[str] | None = None


class _Regr(msgspec.Struct):
    uri: str = ""
    body: _Body | None = None


def read_certbot(folder: Path) -> Found:
    """Read all that certbot keeps in its folder; what cannot be read is among the problems."""
    findings = Findings()
    if not is_folder(folder / "renewal") and not is_folder(folder / "accounts"):
        findings.problems.append(
            f"{shown(folder)}: certbot's folders renewal and accounts are not in it, or this user "
            "cannot see them"
        )
        return findings.found()
    renewals = list(_renewals(folder, findings))
    _take_accounts(folder, renewals, findings)
    settings = _cli_ini(folder, findings)
    without = settings.get("no_directory_hooks", "no").lower() in _TRUE
    for_all = [] if without else _hooks_for_all(folder, findings)
    for renewal in renewals:
        with findings.going_on():
            findings.certificates.append(_certificate(renewal, for_all, settings, findings))
    return findings.found()


def _renewals(folder: Path, findings: Findings) -> Iterable[CertbotRenewal]:
    if not is_folder(folder / "renewal"):
        return
    with findings.going_on():
        for file in list_folder(folder / "renewal"):
            if file.suffix == ".conf":
                with findings.going_on():
                    content = read_configobj(file)
                    if "renewalparams" not in content.sections:
                        raise unusable(file, "it has no section [renewalparams]")
                    yield CertbotRenewal(file.stem, file, folder, content)


# --- accounts ----------------------------------------------------------------------------------


def _take_accounts(folder: Path, renewals: list[CertbotRenewal], findings: Findings) -> None:
    root = folder / "accounts"
    if not is_folder(root):
        return
    servers = [renewal.parameters.text("server") for renewal in renewals]
    known = {place(server, with_port=True): server for server in servers}
    uses = Counter(renewal.parameters.text("account") for renewal in renewals)
    with findings.going_on():
        for account in folders_below(root, findings.problems):
            if exists(account / "private_key.json"):
                with findings.going_on():
                    parts = account.relative_to(root).parts[:-1]
                    url = from_folders(parts, known)
                    findings.accounts.append(_account(account, url, findings))
    findings.accounts.sort(key=lambda one: -uses[one.source.name])


def _account(folder: Path, directory_url: str, findings: Findings) -> FoundAccount:
    if not directory_url:
        raise unusable(folder, "it does not give the URL of the CA's directory")
    key = jwk_account_key(folder / "private_key.json")
    regr = _Regr()
    with findings.going_on():  # the key is enough to ask the CA for its account
        regr = read_json(folder / "regr.json", _Regr)
    contact = tuple((regr.body and regr.body.contact) or ())
    return FoundAccount(directory_url, account_url(regr.uri, directory_url), key, contact, folder)


# --- certificates ------------------------------------------------------------------------------


def _certificate(
    renewal: CertbotRenewal,
    for_all: Sequence[GivenTask],
    settings: Mapping[str, str],
    findings: Findings,
) -> FoundCertificate:
    name, name_note = findings.free_name(renewal.name, renewal.file)
    renewal = replace(renewal, called=name)
    parameters = renewal.parameters
    leaf, missing = _leaf(renewal)
    key_type, key_note = _key_type(parameters, leaf)
    method = read_method(renewal, findings)
    required = parameters.text("required_profile")
    server = parameters.text("server") or _DEFAULT_SERVER
    group, mode = key_permissions(renewal.live("privkey"))
    own, not_carried = _own_hooks(parameters, settings, for_all)
    account_note = _account_note(name, parameters.text("account"), current(server), findings)
    return FoundCertificate(
        name=name,
        identifiers=leaf.identifiers,
        directory_url=current(server),
        key_type=key_type,
        method=method,
        source=renewal.file,
        chain_pem=_if_there(renewal.live("fullchain")),
        private_key=_if_there(renewal.live("privkey")),
        reuse_key=parameters.is_true("reuse_key"),
        preferred_chain=parameters.text("preferred_chain"),
        profile=required,
        preferred_profile="" if required else parameters.text("preferred_profile"),
        renew=not parameters.is_false("autorenew"),
        tasks=distinct([*for_all, *own]),
        key_group=group,
        key_mode=mode,
        notes=tuple(
            filter(
                None,
                [
                    name_note,
                    account_note,
                    findings.private_ca_note(name, current(server)),
                    *missing,
                    key_note,
                    *not_carried,
                    *_notes(renewal, method),
                ],
            )
        ),
    )


def _leaf(renewal: CertbotRenewal) -> tuple[Leaf, list[str]]:
    """Return what the present certificate says; without it, what the renewal file knows."""
    try:
        return find_leaf(renewal.live("fullchain")) or read_leaf(renewal.live("cert")), []
    except InvalidInputError as error:
        names = renewal.parameters.section("webroot_map").values
        if not names:
            raise unusable(
                renewal.file, f"its names are not known without the certificate: {error.message}"
            ) from error
        note = (
            f"its certificate cannot be read, so its names come from its webroots: {error.message}"
        )
        return Leaf(tuple(map(Identifier.parse, names)), "ec256"), [note]


def _key_type(parameters: Section, leaf: Leaf) -> tuple[str, str]:
    """Return the kind of key that certbot would make: an option that is given counts first."""
    family = parameters.text("key_type").lower()
    if family == "rsa" and (parameters.text("rsa_key_size") or leaf.key_type.startswith("ec")):
        return key_kind(f"rsa-{parameters.text('rsa_key_size') or _USUAL_RSA}", leaf)
    if family == "ecdsa" and (parameters.text("elliptic_curve") or leaf.key_type.startswith("rsa")):
        return key_kind(parameters.text("elliptic_curve") or _USUAL_CURVE, leaf)
    return leaf.key_type, leaf.key_note


def _notes(renewal: CertbotRenewal, method: FoundMethod) -> Iterable[str]:
    parameters = renewal.parameters
    yield from method.notes
    installer = parameters.text("installer")
    if installer in ("nginx", "apache"):
        yield (
            f"certbot wrote its certificate's paths into the configuration of {installer}: put"
            " Zoneproof's there"
        )
    if parameters.is_false("autorenew"):
        yield "certbot did not renew it (autorenew = False)"
    if parameters.is_true("allow_subset_of_names"):
        yield (
            "allow_subset_of_names is not carried over: a certificate is issued for all of its"
            " names, or not at all"
        )
    if parameters.is_true("must_staple"):
        yield "must_staple is not carried over: CAs no longer issue such certificates"


def _account_note(name: str, wanted: str, directory_url: str, findings: Findings) -> str:
    """Say so if a certificate does not get the account that it had."""
    here = [one.source.name for one in findings.accounts if one.directory_url == directory_url]
    if not wanted or here[:1] == [wanted]:
        return ""
    why = "is not the first one at its CA" if wanted in here else "is not in certbot's folder"
    return (
        f"its account {sanitize(wanted)} {why}, so another one is used:"
        f" `zoneproof edit {name} --account NAME` changes that"
    )


def _cli_ini(folder: Path, findings: Findings) -> Mapping[str, str]:
    """Return certbot's settings for all certificates."""
    file, found = folder / "cli.ini", dict[str, str]()
    if not exists(file):
        return found
    with findings.going_on():
        for line in read_text(file).splitlines():
            if match := _CLI_LINE.fullmatch(line.strip()):
                name = match[1].replace("-", "_")
                found["renew_hook" if name == "deploy_hook" else name] = match[3] or ""
    if left := [name.replace("_", "-") for name in _OF_CERTIFICATES if name in found]:
        findings.notes.append(
            f"{shown(file)}: {', '.join(left)} of it may be newer than what the certificates' own"
            " files say, which is what counts here: `zoneproof edit NAME` changes it"
        )
    return found


def _own_hooks(
    parameters: Section, settings: Mapping[str, str], for_all: Sequence[GivenTask]
) -> tuple[list[GivenTask], list[str]]:
    """Return the hooks of a certificate, and a note on each that cannot be carried over.

    Those of the ``settings`` are used in place of its own, as at certbot's next renewal, which
    also runs no program a second time that it has run ``for_all``.
    """
    known = [(replace(one.definition, name=""), one.secrets) for one in for_all]
    found, notes = [], []
    for name, when in _HOOKS.items():
        line = parameters.text(name)
        if name == "renew_hook":
            line = line or parameters.text("deploy_hook")
        try:
            task = hook(name, settings.get(name, line), when)
        except InvalidInputError as error:  # certbot ran it wherever it was itself
            notes.append(error.message)
        else:
            if task and (replace(task.definition, name=""), task.secrets) not in known:
                found.append(task)
    return found, notes


def _hooks_for_all(folder: Path, findings: Findings) -> list[GivenTask]:
    """Return the programs that certbot runs for every certificate."""
    found: list[GivenTask] = []
    for kind, when in _HOOK_FOLDERS.items():
        hooks = folder.absolute() / "renewal-hooks" / kind
        if not is_folder(hooks):
            continue
        with findings.going_on():
            for program in list_folder(hooks):
                if os.access(program, os.X_OK) and not program.name.endswith("~"):
                    task = hook(f"{kind}-{program.name}", shlex.quote(str(program)), when)
                    found += [task] if task else []
    return found


def _if_there(path: Path) -> Path | None:
    return path if exists(path) else None
