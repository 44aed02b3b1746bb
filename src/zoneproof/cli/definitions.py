"""The options that define a certificate, as commands have them, and what is read from them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import click
import msgspec

from zoneproof.acme import GivenCsr, read_csr
from zoneproof.cli.completion import accounts_and_authorities, certificates, credentials, providers
from zoneproof.cli.credential_fields import (
    given_fields,
    parse_fields,
    warn_of_literal,
    warn_of_open_files,
)
from zoneproof.cli.option_groups import PATH, dns_settings_options, field_option, together
from zoneproof.cli.output import warn_of_literals
from zoneproof.cli.tasks import given_secrets, parse_task
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.files import read_named
from zoneproof.core.text import printable
from zoneproof.core.toml import complaint, is_reference, read_reference
from zoneproof.manager import CertificateDefinition, Manager, MethodDefinition, Proposal
from zoneproof.manager.certificates.options import METHOD_SETTINGS, CertificateOptions, GivenTask
from zoneproof.manager.certificates.proposal import define
from zoneproof.manager.certificates.task_definition import TaskDefinition
from zoneproof.providers import describe

KEY_TYPES = ("ec256", "ec384", "rsa2048", "rsa3072", "rsa4096")
_method = together(
    click.option(
        "--provider",
        metavar="SLUG",
        shell_complete=providers,
        help="DNS provider; 'zoneproof provider list' shows all.",
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
        help="http-01: listen on port 80, or at this address.",
    ),
    click.option(
        "--persist",
        is_flag=True,
        default=None,
        help="dns-persist-01: a TXT record that stays. You create it once, or the provider does.",
    ),
    click.option(
        "--dns-account/--no-dns-account",
        default=None,
        help="dns-account-01: challenge names of the CA account's own.  [default: no]",
    ),
    click.option(
        "--method",
        "methods",
        multiple=True,
        metavar="TOML",
        help='A whole method: \'match="*.example.com", credential="dns"\'. Repeatable.',
    ),
    click.option(
        "--zone", metavar="ZONE", help="The provider's zone, if it cannot be found automatically."
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
    dns_settings_options,
)
_certificate = together(
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
        help="Write bundle.p12, too, with this password: @FILE, env:VARIABLE, or empty for a bundle"
        " without one.",
    ),
    click.option(
        "--no-pkcs12", "pkcs12", flag_value=False, default=None, help="Write no bundle.p12."
    ),
    click.option(
        "--combined/--no-combined",
        "combined",
        default=None,
        help="Write combined.pem, with key and chain, too.  [default: no-combined]",
    ),
    click.option(
        "--key-group",
        metavar="GROUP",
        help="Group that may read the key.  [default: that of settings.toml]",
    ),
    click.option(
        "--key-mode", metavar="MODE", help="Mode of files with the key.  [default: 0600, or 0640]"
    ),
    click.option("--profile", metavar="NAME", help="A profile that the CA must have."),
    click.option(
        "--preferred-profile", metavar="NAME", help="A profile to ask for if the CA has it."
    ),
    click.option("--preferred-chain", metavar="NAME", help="Common name of the preferred root."),
    click.option(
        "--ignore-caa", is_flag=True, default=None, help="Order even if CAA records forbid it."
    ),
    click.option(
        "--renew/--no-renew", "renew", default=None, help="Whether to renew it.  [default: renew]"
    ),
)
_deployment = together(
    click.option(
        "--deploy",
        "tasks",
        multiple=True,
        metavar="TASK[:FIELD=VALUE,...]",
        help="A task for each new certificate: 'nginx:fullchain=/etc/ssl/www.pem'; replaces the one"
        " of that name. 'zoneproof deploy list' lists the kinds. Repeatable.",
    ),
    click.option(
        "--deploy-hook",
        "hooks",
        multiple=True,
        metavar="COMMAND",
        help="A command to run then; short for --deploy command. Repeatable.",
    ),
    click.option(
        "--no-deploy",
        "removed_tasks",
        multiple=True,
        metavar="TASK",
        help="Remove that task. Repeatable.",
    ),
)
definition_options = together(_method, _certificate, _deployment)
_OF_CERTIFICATE = (
    "account",
    "fallback_accounts",
    "key_type",
    "reuse_key",
    "pkcs12",
    "combined",
    "key_group",
    "key_mode",
    "profile",
    "preferred_profile",
    "preferred_chain",
    "ignore_caa",
    "renew",
)
_WAYS = (
    "provider",
    "credential",
    "fields",
    "server",
    "webroot",
    "listen",
    "persist",
    "dns_account",
    "methods",
)
_TASKS = ("tasks", "hooks", "removed_tasks")
_ALL = {*METHOD_SETTINGS, *_OF_CERTIFICATE, *_WAYS, *_TASKS, "csr", "pkcs12_password"}
DEFINITION_GROUPS = (
    ("How the names are validated", (*_WAYS, *METHOD_SETTINGS)),
    ("The certificate", ("domains", "certificate", "csr", *_OF_CERTIFICATE, "pkcs12_password")),
    ("What is done with it", _TASKS),
)

names_options = together(
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


def names_from(
    names: Sequence[str], domains: Sequence[str], csr: GivenCsr | None
) -> tuple[str, ...]:
    """Return the names that are given, or those of the CSR. Raises InvalidInputError."""
    given = (*names, *(name for text in domains for name in text.split(",") if name.strip()))
    if csr and given:
        raise InvalidInputError("the names are those of the CSR: omit the others, or --csr")
    if csr:
        return tuple(map(str, csr.identifiers))
    return given


def required_names(
    names: Sequence[str], domains: Sequence[str], csr: GivenCsr | None
) -> tuple[str, ...]:
    """Return what :func:`names_from` does, which must be something. Raises InvalidInputError."""
    found = names_from(names, domains, csr)
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


class Request(msgspec.Struct, frozen=True):
    """The names and options with which a certificate is asked for."""

    names: Sequence[str]
    certificate: str
    options: CertificateOptions

    async def define(self, manager: Manager) -> tuple[Proposal, CertificateDefinition | None]:
        """Return the definition that is meant, and the stored one, None for none."""
        return await define(manager, self.names, self.certificate, self.options)


def take_options(options: dict[str, Any]) -> dict[str, Any]:
    """Move the definition's options out of all options of a command."""
    names = {option for option in options if option in _ALL}
    return {name: options.pop(name) for name in names}


def read_options(options: Mapping[str, Any]) -> CertificateOptions:
    """Return what the options say, with what they refer to; each file is read once.

    Warns of secrets that stand on the command line, and of a CSR that some CAs refuse. Raises
    InvalidInputError.
    """
    for way in ("provider", "credential", "server", "webroot"):
        if options[way] == "":  # as of a shell's variable that is not set
            raise InvalidInputError(f"--{way} is empty: give a value, or omit it")
    of_certificate = _given(options, _OF_CERTIFICATE)
    if "fallback_accounts" in of_certificate:
        named = filter(None, of_certificate["fallback_accounts"])
        of_certificate["fallback_accounts"] = tuple(named)
    password, texts = options["pkcs12_password"], _field_texts(options)
    provider = options["provider"]
    fields = given_fields(describe(provider), texts) if provider else parse_fields(texts)
    file = options["csr"]
    csr = read_csr(read_named(file), str(file)) if file else None
    if csr and csr.doubt:
        click.echo(f"zoneproof: warning: {options['csr']}: {printable(csr.doubt)}", err=True)
    found = CertificateOptions(
        of_certificate=of_certificate,
        of_method=_given(options, METHOD_SETTINGS),
        provider=provider or "",
        credential=options["credential"] or "",
        fields=fields,
        webroot=options["webroot"],
        listen=options["listen"],
        persist=bool(options["persist"]),
        dns_account=options["dns_account"],
        methods=tuple(map(_parse_method, options["methods"])),
        tasks=(*map(parse_task, options["tasks"]), *map(_parse_hook, options["hooks"])),
        removed_tasks=tuple(options["removed_tasks"]),
        csr=csr,
        pkcs12_password=(
            None if password is None else read_reference(password, "--pkcs12-password")
        ),
    )
    _warn_of_secrets(options)
    return found


def _given(options: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: options[name] for name in names if options[name] not in (None, ())}


def _warn_of_secrets(options: Mapping[str, Any]) -> None:
    warn_of_literal("--pkcs12-password", options["pkcs12_password"] or "")
    for text in options["tasks"]:
        kind, _, given = text.partition(":")
        secrets = given_secrets(kind, given)
        warn_of_open_files(secrets.values())
        literal = [name for name, value in secrets.items() if not is_reference(value)]
        shown = [f"--deploy {kind}:{name}" for name in literal]
        warn_of_literals(shown, f"{shown[0]}=@FILE" if shown else "")


def _field_texts(options: Mapping[str, Any]) -> list[str]:
    server = options["server"]
    return [*options["fields"], *([f"server={server}"] if server else [])]


def _parse_hook(command: str) -> GivenTask:
    return GivenTask(TaskDefinition(task="command", fields={"command": command}))


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
