"""Reads acme.sh's folder, usually ``~/.acme.sh``.

The layout is that of acme.sh 3 (its functions ``_initpath``, ``_save_conf`` and ``issue``):
``account.conf``; ``ca/<host>/<path>/``, where the host has no port, with ``account.key`` (PEM) and
``ca.conf``; for each certificate ``<name>/``, or ``<name>_ecc/`` for EC keys, with ``<name>.conf``,
``<name>.key`` and ``fullchain.cer``. In ``account.conf`` ``CERT_HOME`` and ``ACCOUNT_KEY_PATH``
lead elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from zoneproof.challenges.dns01 import DelegationRules
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.names import Identifier
from zoneproof.core.text import printable
from zoneproof.manager.certificates.options import GivenTask
from zoneproof.migration.acme_sh_plugins import (
    ScriptSettings,
    ShellSettings,
    read_method,
    read_settings,
)
from zoneproof.migration.directories import account_url, current, from_folders, from_host, place
from zoneproof.migration.found import Findings, Found, FoundAccount, FoundCertificate
from zoneproof.migration.hooks import When, copies, distinct, hook
from zoneproof.migration.reading import (
    exists,
    find_leaf,
    folders_below,
    is_folder,
    key_kind,
    list_folder,
    pem_account_key,
    shown,
    unusable,
)

_ECC = "_ecc"
_NO_VALUE = "no"
_LABEL = "_acme-challenge."
# In the order in which acme.sh does it, after its --install-cert copied files.
_HOOKS: dict[str, tuple[str, When]] = {
    "Le_PreHook": ("pre-hook", "before"),
    "Le_ReloadCmd": ("reload", "issued"),
    "Le_PostHook": ("post-hook", "always"),
    "Le_RenewHook": ("renew-hook", "issued"),
}
_COPIES = {
    "cert": "Le_RealCertPath",
    "chain": "Le_RealCACertPath",
    "key": "Le_RealKeyPath",
    "fullchain": "Le_RealFullChainPath",
}


@dataclass(frozen=True)
class _Entry:
    """A certificate's folder and what its file says."""

    folder: Path
    domain: str
    settings: ShellSettings

    @property
    def file(self) -> Path:
        return self.folder / f"{self.domain}.conf"


def read_acme_sh(folder: Path) -> Found:
    """Read all that acme.sh keeps in its folder; what cannot be read is among the problems."""
    findings = Findings()
    if not exists(folder / "account.conf") and not is_folder(folder / "ca"):
        findings.problems.append(
            f"{shown(folder)}: acme.sh's account.conf and ca are not in it, or this user cannot"
            " see them"
        )
        return findings.found()
    account = ShellSettings()
    if exists(folder / "account.conf"):
        with findings.going_on():
            account = _settings(folder / "account.conf", findings)
    home = Path(account.text("CERT_HOME") or folder)
    entries = list(_entries(home, findings))
    _take_accounts(folder / "ca", account, entries, findings)
    for entry in sorted(entries, key=_order):
        with findings.going_on():
            findings.certificates.append(_certificate(entry, account, findings))
    return findings.found()


def _order(entry: _Entry) -> tuple[bool, bool]:
    # Where two would have one name, the wildcard's and the RSA key's get a number.
    return entry.domain.startswith("*."), not entry.folder.name.endswith(_ECC)


def _settings(path: Path, findings: Findings) -> ShellSettings:
    settings = read_settings(path)
    findings.problems.extend(settings.problems.values())
    return settings


def _entries(home: Path, findings: Findings) -> Iterable[_Entry]:
    with findings.going_on():
        for folder in list_folder(home):
            domain = folder.name.removesuffix(_ECC)
            if exists(folder / f"{domain}.conf"):
                with findings.going_on():
                    settings = _settings(folder / f"{domain}.conf", findings)
                    yield _Entry(folder, domain, settings)


# --- accounts ----------------------------------------------------------------------------------


def _take_accounts(
    root: Path, account: ShellSettings, entries: Iterable[_Entry], findings: Findings
) -> None:
    if not is_folder(root):
        return
    urls = [entry.settings.text("Le_API") for entry in entries]
    known = {place(url, with_port=False): url for url in urls}
    with findings.going_on():
        for folder in folders_below(root, findings.problems):
            if exists(folder / "account.key") or exists(folder / "ca.conf"):
                with findings.going_on():
                    findings.accounts.append(_account(root, folder, account, known, findings))


def _account(
    root: Path, folder: Path, account: ShellSettings, known: Mapping[str, str], findings: Findings
) -> FoundAccount:
    parts = folder.relative_to(root).parts
    # Before 2.8.6 the folder was that of the host alone.
    url = from_host(parts[0]) if len(parts) == 1 else from_folders(parts, known)
    if not url:
        raise unusable(folder, "it does not give the URL of the CA's directory")
    settings = ShellSettings()
    if exists(folder / "ca.conf"):
        settings = _settings(folder / "ca.conf", findings)
    key_file = folder / "account.key"
    if not exists(key_file) and account.text("ACCOUNT_KEY_PATH"):
        key_file = Path(account.text("ACCOUNT_KEY_PATH"))
    email = settings.text("CA_EMAIL") or account.text("ACCOUNT_EMAIL")
    return FoundAccount(
        url,
        account_url(settings.text("ACCOUNT_URL"), url),
        pem_account_key(key_file),
        (f"mailto:{email}",) if email else (),
        folder,
    )


# --- certificates ------------------------------------------------------------------------------


def _certificate(entry: _Entry, account: ShellSettings, findings: Findings) -> FoundCertificate:
    settings = entry.settings
    names = _names(entry)
    name, name_note = findings.free_name(entry.domain.removeprefix("*."), entry.file)
    full_chain, key = entry.folder / "fullchain.cer", entry.folder / f"{entry.domain}.key"
    leaf = find_leaf(full_chain)
    key_type, key_note = key_kind(settings.text("Le_Keylength"), leaf)
    roots = [root for root in settings.text("Le_Webroot").split(",") if root]
    stored = ScriptSettings(settings, account)
    method = read_method(roots[0] if roots else "", name, stored, findings)
    delegation, delegation_notes = _delegation(names, settings.text("Le_ChallengeAlias"))
    directory_url = current(settings.text("Le_API") or account.text("DEFAULT_ACME_SERVER"))
    preferred, preferred_note = _preferred_chain(
        settings.text("Le_Preferred_Chain") or _default_chain(directory_url, findings),
        leaf.top_issuer if leaf else "",
    )
    notes = [
        name_note,
        key_note,
        preferred_note,
        "" if directory_url else f"its file does not name its CA: `zoneproof edit {name} --ca URL`",
        *method.notes,
        *delegation_notes,
        *_notes(entry, account, name, roots),
    ]
    return FoundCertificate(
        name=name,
        identifiers=names,
        directory_url=directory_url,
        key_type=key_type,
        method=method,
        source=entry.file,
        delegation=delegation,
        chain_pem=full_chain if exists(full_chain) else None,
        private_key=key if exists(key) else None,
        reuse_key=settings.text("Le_ForceNewDomainKey") != "1",
        preferred_chain=preferred,
        profile=settings.text("Le_Certificate_Profile"),
        tasks=_tasks(settings, entry.folder.absolute()),
        notes=tuple(filter(None, notes)),
    )


def _default_chain(directory_url: str, findings: Findings) -> str:
    """Return what ``acme.sh --set-default-chain`` has set for a CA."""
    for account in findings.accounts:
        file = account.source / "ca.conf"
        if account.directory_url == directory_url and exists(file):
            return read_settings(file).text("DEFAULT_PREFERRED_CHAIN")
    return ""


def _preferred_chain(text: str, present: str) -> tuple[str, str]:
    """Return the root's whole name for what may be a part of it, and a note where it may be one.

    ``present`` is the root of the present chain.
    """
    if not text or text.casefold() in present.casefold():
        return present if text else "", ""
    return text, (
        f"'{printable(text)}', its preferred chain, has to be the whole name of a root, and the"
        f" present chain leads to '{printable(present)}'"
        if present
        else ""
    )


def _names(entry: _Entry) -> tuple[Identifier, ...]:
    others = entry.settings.text("Le_Alt")
    texts = [entry.settings.text("Le_Domain"), *([] if others == _NO_VALUE else others.split(","))]
    try:
        names = tuple(Identifier.parse(text) for text in texts if text)
    except InvalidInputError as error:
        raise unusable(entry.file, error.message) from error
    if not names:
        raise unusable(entry.file, "Le_Domain is missing")
    return names


def _delegation(names: Iterable[Identifier], text: str) -> tuple[str, list[str]]:
    """Return the rules for ``Le_ChallengeAlias``, and notes on aliases that no rule can say.

    It is a list with an entry for each name; the last stands for the names that follow, ``no`` is
    none, and ``=`` comes before the whole name of a record.
    """
    aliases = [alias for alias in text.split(",") if alias]
    rules: dict[str, str] = {}
    notes = []
    for index, name in enumerate(names if aliases else ()):
        alias = aliases[min(index, len(aliases) - 1)]
        if alias == _NO_VALUE or name.type != "dns":
            continue
        target = alias.removeprefix("=")
        if alias.startswith("=") and not target.startswith(_LABEL):
            notes.append(
                f"acme.sh wrote the values of {name} at another name than _acme-challenge: without"
                " a rule the CNAME is followed, so nothing needs to be done if it leads there"
            )
            continue
        try:
            rule = DelegationRules.parse(
                f"{name.domain}:{target.removeprefix(_LABEL) if alias[0] == '=' else target}"
            )
        except InvalidInputError as error:
            notes.append(error.message)
            continue
        rules.setdefault(name.domain.text, str(rule))
    return ";".join(rules.values()), notes


def _tasks(settings: ShellSettings, folder: Path) -> tuple[GivenTask, ...]:
    """Return what acme.sh did with the certificate of a folder, in which it ran its hooks."""

    def said(name: str) -> str:
        text = settings.text(name)
        return "" if text == _NO_VALUE else text

    copied = _installed({part: said(name) for part, name in _COPIES.items()})
    hooks = (
        hook(name, said(setting), when, folder=folder) for setting, (name, when) in _HOOKS.items()
    )
    return distinct([*copied, *hooks])


def _installed(paths: Mapping[str, str]) -> Iterable[GivenTask | None]:
    """Yield the tasks that write what acme.sh wrote, part by part, to these paths.

    The chain goes after a certificate at the same path; any other part is in its place.
    """
    parts = {path: part for part, path in paths.items()}
    is_joined = paths["cert"] == paths["chain"] and parts[paths["cert"]] == "chain"
    if is_joined:
        del parts[paths["cert"]]
        yield copies({"fullchain": paths["cert"]})
    yield copies({part: path for path, part in parts.items()})


def _notes(entry: _Entry, account: ShellSettings, name: str, roots: list[str]) -> Iterable[str]:
    bundle, folder = account.text("CA_BUNDLE"), account.text("CA_PATH")
    if bundle or folder:
        file = shown(Path(bundle)) if bundle else "FILE"
        which = "" if bundle else f", with those in {shown(Path(folder))}"
        yield (
            "the certificates by which acme.sh trusts its CA are not carried over: give them once,"
            f" `zoneproof renew {name} --ca-bundle {file}`{which}"
        )
    if len(set(roots)) > 1:
        yield (
            "its names have several methods, and the first is used for all of them: give the"
            f" others methods of their own with `zoneproof edit {name} --method METHOD`"
        )
    if entry.settings.text("Le_DeployHook") not in ("", _NO_VALUE):
        yield (
            f"{shown(entry.file)}: Le_DeployHook is not carried over: 'zoneproof deploy list' has"
            " what can be in its place"
        )
    if entry.settings.text("Le_DNSSleep"):
        yield (
            "its fixed wait for the DNS is not carried over: Zoneproof asks the name servers"
            " instead"
        )
