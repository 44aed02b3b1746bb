"""The ``config`` that an Issuer gives to the solver, made a method that can be opened."""

from __future__ import annotations

import msgspec

from zoneproof.certmanager.payload import ChallengeRequest
from zoneproof.certmanager.secrets import PrivateFiles, SecretRef, Secrets
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.fields import CredentialField
from zoneproof.core.toml import complaint
from zoneproof.manager.certificates.definition import MethodDefinition
from zoneproof.providers import DelegatedProvider, ProviderInfo, check_names
from zoneproof.providers.registry import load

_CA_BUNDLE = "ca_bundle"


class FromSecret(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A field whose value is in a Secret."""

    secret_ref: SecretRef


class SolverConfig(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """A provider with its fields, or the name of a credential of the webhook's home.

    The rest is what an authorization method has (:class:`MethodDefinition`).
    """

    provider: str = ""
    fields: dict[str, str | int | float | bool | FromSecret] = {}
    credential: str = ""
    zone: str = ""
    ttl: int | None = None
    delegation: str = ""
    follow_cname: bool = True
    propagation: str | int | None = None
    propagation_timeout: float | None = None
    resolvers: tuple[str, ...] | None = None


def read_config(request: ChallengeRequest) -> SolverConfig:
    """Return the config of a request. Raises InvalidInputError, which names the key."""
    try:
        config = msgspec.json.decode(request.config, type=SolverConfig | None)
    except msgspec.ValidationError as error:
        problem = complaint(error, SolverConfig, table="an object")
        raise InvalidInputError(f"the config of the solver: {problem}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInputError("the config of the solver is not JSON") from error
    if config is None or bool(config.provider) == bool(config.credential):
        raise InvalidInputError(
            "the config of the solver needs a provider with its fields, or a credential: write"
            " config: {provider: ..., fields: {...}}"
        )
    return config


async def resolve(
    request: ChallengeRequest, secrets: Secrets, files: PrivateFiles
) -> MethodDefinition:
    """Return the method that a request's config describes, with the values of its Secrets.

    Raises InvalidInputError for what is wrong, and for what not everybody with an Issuer may use:
    programs, files and credentials of the webhook itself, and any address in place of an API's.
    KubernetesError.
    """
    config = read_config(request)
    # All that a config has are fields of a method; its values of fields may still be in Secrets.
    method = MethodDefinition(**{**msgspec.structs.asdict(config), "fields": {}})
    method.check()
    if config.credential:
        if config.fields:
            raise InvalidInputError(
                f"the fields come from the credential {config.credential}: remove 'fields'"
            )
        _require_ambient(request, f"the credential {config.credential} of the webhook")
        return method
    info = _usable_by_issuers(config.provider)
    check_names(info, config.fields)
    fields = {}
    for name, given in config.fields.items():
        field = info.field(name)
        assert field is not None
        fields[name] = await _value(field, given, secrets, files)
    if info.ambient({one.name: fields.get(one.name, one.default or "") for one in info.fields}):
        _require_ambient(request, f"{info.title} with the webhook's own identity")
    for one in info.fields:
        # What answers is told in the Challenge: so anything that the webhook reaches could be read.
        if one.url and one.rare and fields.get(one.name, one.default) != one.default:
            _require_ambient(request, f"the field '{one.name}' of {info.title}", f"omit {one.name}")
    return msgspec.structs.replace(method, fields=fields)


def _usable_by_issuers(slug: str) -> ProviderInfo:
    if ":" in slug:  # of a program's family
        raise _local(slug)
    provider = load(slug)
    if provider.info.manual:
        raise InvalidInputError(f"the provider {slug} needs a person: name another one")
    if any(field.file and field.name != _CA_BUNDLE for field in provider.info.fields):
        raise _local(slug)
    if issubclass(provider, DelegatedProvider):
        raise InvalidInputError(
            f"the provider {slug} needs a registration for each domain: use cert-manager's own"
            " solver acmeDNS, or a credential of the webhook's home with its registrations"
        )
    return provider.info


def _local(slug: str) -> InvalidInputError:
    return InvalidInputError(
        f"the provider {slug} runs programs or reads files of the webhook, so an Issuer cannot give"
        " its fields: store a credential in the webhook's home, and name that"
    )


def _require_ambient(
    request: ChallengeRequest, what: str, instead: str = "give a key in a Secret"
) -> None:
    if not request.allow_ambient_credentials:
        raise InvalidInputError(
            f"this Issuer may not use {what}: use a ClusterIssuer, {instead}, or start"
            " cert-manager with --issuer-ambient-credentials"
        )


async def _value(
    field: CredentialField,
    given: str | float | bool | FromSecret,
    secrets: Secrets,
    files: PrivateFiles,
) -> str:
    if isinstance(given, FromSecret):
        value = await secrets.value(given.secret_ref)
        return str(files.path_of(value.encode())) if field.file else value
    if field.secret or field.file:
        what = "is a secret" if field.secret else "is a file"
        raise InvalidInputError(
            f"the field '{field.name}' {what}: put it into a Secret, and write {field.name}:"
            " {secretRef: {name: ..., key: ...}}"
        )
    return _text(given)


def _text(given: str | float | bool) -> str:
    if isinstance(given, bool):
        return "true" if given else "false"
    return str(given)
