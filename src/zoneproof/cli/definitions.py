"""The options that define a certificate, and the definition that they make of names."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec.structs import replace

from zoneproof.acme import GivenCsr, read_csr
from zoneproof.cli.completion import accounts_and_authorities, certificates, credentials, providers
from zoneproof.cli.credential_fields import given_fields, parse_fields, warn_of_literal
from zoneproof.cli.option_groups import DNS_SETTINGS, PATH, F, add_options, field_option
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.files import read_file
from zoneproof.core.names import Identifier
from zoneproof.core.toml import complaint, read_reference
from zoneproof.issuance import Emit, Warned
from zoneproof.manager import (
    CertificateDefinition,
    Credential,
    Manager,
    MethodDefinition,
    Proposal,
    default_name,
    describe_changes,
    secret_fields,
)
from zoneproof.manager.certificates.proposal import (
    is_stored,
    require_orderable,
    require_usable,
    save,
    set_aside,
)
from zoneproof.providers import describe


async def define(
    manager: Manager, names: Sequence[str], certificate: str, options: dict[str, Any]
) -> tuple[Proposal, CertificateDefinition | None]:
    """Return the definition that names and options mean, and the stored one, None for none.

    The name of a stored certificate, alone, means that certificate; otherwise the names are the
    identifiers of a new one, or those that a stored one has from now on. Raises InvalidInputError.
    """
    if len(names) == 1 and not certificate:
        stored = await manager.certificates.find_meant(names[0])
        if stored is not None:
            return apply_options(stored.definition, options), stored.definition
    name = certificate or default_name(names)
    known = await manager.certificates.find(name)
    before = known.definition if known else CertificateDefinition(name=name, identifiers=())
    if known is None and not says_method(options):
        raise InvalidInputError(_advice(name, names))
    wanted = apply_options(replace(before, identifiers=tuple(names)), options)
    return wanted, known.definition if known else None


async def take_up(
    manager: Manager, wanted: Proposal, before: CertificateDefinition | None, emit: Emit
) -> Proposal | None:
    """Save what is to be ordered; return what is to be saved only once it has worked.

    What would be refused anyway is saved in no case. Raises InvalidInputError, HttpResponderError
    and AcmeError for that.
    """
    await require_usable(manager, wanted)
    if await is_stored(manager, wanted):
        return None
    await require_orderable(manager, wanted)
    changes = describe_changes(before, wanted.definition) if before else []
    if before and await set_aside(manager, wanted, before):
        for change in changes:
            emit(Warned(f"what is saved of {before.name} changes once this has worked: {change}"))
        return wanted
    await save(manager, wanted, before)
    for change in changes:
        emit(Warned(f"what is saved of {wanted.definition.name} is changed: {change}"))
    return None


def _advice(name: str, names: Sequence[str]) -> str:
    by_dns = "--provider or --credential for DNS ('zoneproof provider list' has all)"
    if any(Identifier.parse(one).is_wildcard for one in names):
        return f"say how {name} is validated, which for a wildcard is by DNS: {by_dns}"
    return f"say how {name} is validated: {by_dns}, --webroot or --standalone for http-01"


def with_names(
    definition: CertificateDefinition, added: Sequence[str], removed: Sequence[str]
) -> CertificateDefinition:
    """Return the definition with identifiers added and removed.

    Raises InvalidInputError for one to remove that it does not have.
    """
    gone = {Identifier.parse(name).value for name in removed}
    for name in gone.difference(definition.identifiers):
        raise InvalidInputError(f"{definition.name} has no identifier {name} to remove")
    kept = [name for name in definition.identifiers if name not in gone]
    return replace(definition, identifiers=(*kept, *added))


KEY_TYPES = ("ec256", "ec384", "rsa2048", "rsa3072", "rsa4096")
_METHOD = (
    click.option(
        "--provider",
        metavar="SLUG",
        shell_complete=providers,
        help="DNS provider; 'zoneproof provider list' has all.",
    ),
    click.option(
        "--credential",
        metavar="NAME",
        shell_complete=credentials,
        help="A stored credential; with --field, the name to store it.",
    ),
    field_option,
    click.option("--server", metavar="SERVER", help="Short for --field server=SERVER."),
    click.option("--webroot", metavar="FOLDER", help="http-01: put files below this folder."),
    click.option(
        "--standalone",
        "listen",
        is_flag=False,
        flag_value=":80",
        metavar="[ADDRESS:PORT]",
        help="http-01: listen on port 80, or there.",
    ),
    click.option(
        "--method",
        "methods",
        multiple=True,
        metavar="TOML",
        help='A whole method: \'match="*.example.com", credential="dns"\'. Repeatable.',
    ),
    click.option(
        "--zone", metavar="ZONE", help="The provider's zone, where it cannot be found out."
    ),
    click.option(
        "--delegation",
        metavar="SOURCE:TARGET",
        help="Where a CNAME leads: '*.example.com:*.auth.example.org'. Several with ';'.",
    ),
    click.option(
        "--follow-cname/--no-follow-cname",
        default=None,
        help="Publish where a CNAME leads, or at the name itself.  [default: follow-cname]",
    ),
    click.option(
        "--ttl",
        type=click.IntRange(0, 86400),
        metavar="SECONDS",
        help="TTL of the TXT records.  [default: the provider's]",
    ),
    *DNS_SETTINGS,
)
_CERTIFICATE = (
    click.option(
        "--ca",
        "--account",
        "--directory",
        "account",
        metavar="CA",
        shell_complete=accounts_and_authorities,
        help="A CA's short name or directory URL, or a stored account.  [default: that of"
        " settings.toml, else letsencrypt]",
    ),
    click.option(
        "--fallback-account",
        "fallback_accounts",
        multiple=True,
        metavar="ACCOUNT",
        shell_complete=accounts_and_authorities,
        help="Account to try after three failures. Repeatable; empty for none.",
    ),
    click.option(
        "--csr",
        type=PATH,
        metavar="FILE",
        help="A certificate signing request: its names, and its key, which stays with its owner.",
    ),
    click.option(
        "--key-type",
        type=click.Choice(KEY_TYPES),
        metavar="TYPE",
        help=f"Key of the certificate: {', '.join(KEY_TYPES)}.  [default: {KEY_TYPES[0]}]",
    ),
    click.option(
        "--reuse-key/--new-key",
        default=None,
        help="Keep the key at each renewal, or make a new one.  [default: new-key]",
    ),
    click.option(
        "--pkcs12-password",
        metavar="PASSWORD",
        help="Write bundle.p12, too; can be @file or env:VARIABLE, empty for none.",
    ),
    click.option("--profile", metavar="NAME", help="A profile that the CA must have."),
    click.option(
        "--preferred-profile", metavar="NAME", help="A profile to ask for if the CA has it."
    ),
    click.option("--preferred-chain", metavar="NAME", help="Common name of the root wanted."),
    click.option("--ignore-caa", is_flag=True, default=None, help="Order whatever CAA says."),
    click.option(
        "--renew/--no-renew", "renew", default=None, help="Whether to renew it.  [default: renew]"
    ),
)
_OF_METHOD = (
    "zone",
    "delegation",
    "follow_cname",
    "ttl",
    "propagation",
    "propagation_timeout",
    "resolvers",
)
_OF_CERTIFICATE = (
    "account",
    "fallback_accounts",
    "key_type",
    "reuse_key",
    "profile",
    "preferred_profile",
    "preferred_chain",
    "ignore_caa",
    "renew",
)
_WAYS = ("provider", "credential", "fields", "server", "webroot", "listen", "methods")
_ALL = {*_OF_METHOD, *_OF_CERTIFICATE, *_WAYS, "csr", "pkcs12_password"}
DEFINITION_GROUPS = (
    ("How the names are validated", (*_WAYS, *_OF_METHOD)),
    ("The certificate", ("domains", "certificate", "csr", *_OF_CERTIFICATE, "pkcs12_password")),
)

_NAMES = (
    click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=certificates),
    click.option(
        "--domain",
        "--domains",
        "-d",
        "domains",
        multiple=True,
        metavar="NAME",
        help="One more name, or several with ','; as in certbot. Repeatable.",
    ),
)


def names_options(command: F) -> F:
    """Add the names of a certificate to a command: as arguments, or one by one."""
    return add_options(command, _NAMES)


def names_from(
    names: Sequence[str], domains: Sequence[str], options: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return the names that are given, or those of the CSR. Raises InvalidInputError."""
    given = (*names, *(name for text in domains for name in text.split(",") if name.strip()))
    csr = read_csr_file(options["csr"])
    if csr and given:
        raise InvalidInputError("the names are those of the CSR: omit the others, or --csr")
    if csr:
        return tuple(map(str, csr.identifiers))
    return given


def required_names(
    names: Sequence[str], domains: Sequence[str], options: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return what :func:`names_from` does, which must be something. Raises InvalidInputError."""
    found = names_from(names, domains, options)
    if not found:
        raise InvalidInputError("name at least one identifier, such as example.com")
    return found


certificate_name_option = click.option(
    "--name",
    "certificate",
    default="",
    metavar="NAME",
    help="Name of the certificate.  [default: its first name]",
)


def definition_options(command: F) -> F:
    """Add the options to a command."""
    return add_options(command, (*_METHOD, *_CERTIFICATE))


@dataclass(frozen=True)
class Request:
    """The names and options with which a certificate is asked for."""

    names: Sequence[str]
    certificate: str
    options: dict[str, Any] = field(repr=False)

    async def define(self, manager: Manager) -> tuple[Proposal, CertificateDefinition | None]:
        """Return the definition that is meant, and the stored one, None for none."""

        return await define(manager, self.names, self.certificate, self.options)


def take_options(options: dict[str, Any]) -> dict[str, Any]:
    """Move the definition's options out of all options of a command."""
    names = {option for option in options if option in _ALL}
    return {name: options.pop(name) for name in names}


def apply_options(definition: CertificateDefinition, options: dict[str, Any]) -> Proposal:
    """Change a definition by those options that were given. Raises InvalidInputError."""
    given = {name: options[name] for name in _OF_CERTIFICATE if _is_given(options[name])}
    if "fallback_accounts" in given:
        given["fallback_accounts"] = tuple(filter(None, given["fallback_accounts"]))
    csr = read_csr_file(options["csr"])
    if csr:
        of_csr = {"csr": csr.pem, "identifiers": tuple(map(str, csr.identifiers))}
        of_our_key = {"key_type": KEY_TYPES[0], "reuse_key": False, "pkcs12": False}
        given = {**of_our_key, **of_csr, **given}
    password = options["pkcs12_password"]
    if password is not None:
        password = read_reference(password, "--pkcs12-password")
        given["pkcs12"] = True
    methods, credential = _methods(definition, options)
    changed = msgspec.structs.replace(definition, method=methods, **given)
    return Proposal(changed.check(), credential, password)


def warn_of_secrets(options: dict[str, Any]) -> None:
    """Warn once of secrets that stand on the command line. Raises InvalidInputError."""
    if options["provider"]:
        given_fields(describe(options["provider"]), _field_texts(options))
    warn_of_literal("--pkcs12-password", options["pkcs12_password"] or "")


def _field_texts(options: dict[str, Any]) -> list[str]:
    server = options["server"]
    return [*options["fields"], *([f"server={server}"] if server else [])]


def says_method(options: dict[str, Any]) -> bool:
    """Tell whether the options say by what the names are validated."""
    return any(_is_given(options[name]) for name in _WAYS)


def read_csr_file(path: Path | None) -> GivenCsr | None:
    """Return the request in the file of --csr, None without one. Raises InvalidInputError."""
    if path is None:
        return None
    try:
        return read_csr(read_file(path), str(path))
    except OSError as error:
        raise InvalidInputError(f"cannot read {path}: {error.strerror}") from error


def _is_given(value: object) -> bool:
    return value is not None and value != ()


def _methods(
    definition: CertificateDefinition, options: dict[str, Any]
) -> tuple[tuple[MethodDefinition, ...], Credential | None]:
    of_method = {name: options[name] for name in _OF_METHOD if _is_given(options[name])}
    where, credential = _where(definition.name, options)
    if options["methods"]:
        if of_method or where:
            raise InvalidInputError(
                "--method says all of a method: put the other options of methods into it"
            )
        return tuple(map(_parse_method, options["methods"])), None
    if not of_method and not where:
        return definition.method, None
    if len(definition.method) > 1:
        raise InvalidInputError(
            f"{definition.name} has {len(definition.method)} methods: say which is meant by giving"
            " all of them, each with --method, or change a file and use 'zoneproof apply'"
        )
    before = definition.method[0] if definition.method else MethodDefinition()
    if where:
        before = MethodDefinition(
            match=before.match,
            **{
                name: value
                for name, value in msgspec.structs.asdict(before).items()
                if name in _OF_METHOD and where.get("challenge") != "http-01"
            },
        )
    return (msgspec.structs.replace(before, **where, **of_method),), credential


def _where(certificate: str, options: dict[str, Any]) -> tuple[dict[str, Any], Credential | None]:
    """Return the fields of a method that say by what it validates, and a credential to store."""
    for way in ("provider", "credential", "server", "webroot"):
        if options[way] == "":  # as of a shell's variable that is not set
            raise InvalidInputError(f"--{way} is empty: say what is meant, or leave it away")
    fields = parse_fields(_field_texts(options))
    provider, name = options["provider"] or "", options["credential"] or ""
    http = [one for one in ("webroot", "listen") if options[one] is not None]
    if http:
        if provider or name or fields or len(http) > 1:
            raise InvalidInputError(
                "name one way to validate: --provider or --credential, --webroot, or --standalone"
            )
        return {"challenge": "http-01", http[0]: options[http[0]]}, None
    if fields and not provider:
        raise InvalidInputError("--field and --server say what a provider needs: add --provider")
    if not provider:
        return ({"credential": name} if name else {}), None
    if name and not fields:
        raise InvalidInputError(
            f"the credential {name[:80]} knows its provider: leave --provider away to use it, or"
            " add the --field options to be stored under that name"
        )
    if name or secret_fields(provider, fields):
        name = name or f"{certificate}-{provider}"
        return {"credential": name}, Credential(name, provider, fields)
    return {"provider": provider, "fields": fields}, None


def _parse_method(text: str) -> MethodDefinition:
    try:
        return msgspec.convert(tomllib.loads(f"method = {{{text}}}")["method"], MethodDefinition)
    except tomllib.TOMLDecodeError as error:
        problem = str(error)
    except msgspec.ValidationError as error:
        problem = complaint(error, MethodDefinition)
    raise InvalidInputError(
        f"--method '{text[:80]}' cannot be read ({problem}): write it as"
        ' \'match="*.example.com", credential="dns"\''
    )


def expand(path: str | None) -> Path | None:
    """Return the path, absolute."""
    return Path(path).expanduser().absolute() if path else None
