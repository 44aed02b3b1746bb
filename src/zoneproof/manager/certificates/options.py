"""What a person says of a certificate, and what that makes of its definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from zoneproof.acme import GivenCsr
from zoneproof.challenges import dns01, dns_account01, dns_persist01, http01
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.secretive import Secretive
from zoneproof.manager.certificates.definition import (
    CertificateDefinition,
    MethodDefinition,
    of_our_key,
)
from zoneproof.manager.certificates.definition_file import describe_changes
from zoneproof.manager.certificates.task_definition import TaskDefinition, named, secret_fields
from zoneproof.manager.credentials.store import Credential
from zoneproof.providers import short_name


class Proposal(Secretive, frozen=True):
    """A definition, and what is to be stored together with it."""

    definition: CertificateDefinition
    credential: Credential | None = None
    pkcs12_password: str | None = None
    task_credentials: tuple[Credential, ...] = ()

    def changes(self, before: CertificateDefinition) -> bool:
        """Tell whether anything is stored of it that was not, when ``before`` is."""
        given = self.credentials or self.pkcs12_password is not None
        return bool(given) or self.definition != before

    def changes_of(self, before: CertificateDefinition) -> list[str]:
        """Return a line for each change of ``before``, and of the password of its files."""
        lines = describe_changes(before, self.definition)
        if self.pkcs12_password == "":
            lines.append("bundle.p12: no password")
        elif self.pkcs12_password and before.pkcs12:
            lines.append("bundle.p12: another password")
        return lines

    @property
    def credentials(self) -> Mapping[str, Credential]:
        """The credentials by their names, which win over stored ones."""
        found = (*([self.credential] if self.credential else []), *self.task_credentials)
        return {one.name: one for one in found}

    def needs_no_new_certificate(self, before: CertificateDefinition) -> bool:
        """Tell whether it differs from ``before``, but the same certificate does for both."""
        same = self.definition.fingerprint == before.fingerprint
        differs = self.definition != before or bool(self.task_credentials)
        differs = differs or self.pkcs12_password is not None
        return same and differs and self.credential is None


# The fields of a method that stay when it validates by another provider.
METHOD_SETTINGS = (
    "zone",
    "delegation",
    "follow_cname",
    "ttl",
    "propagation",
    "propagation_timeout",
    "resolvers",
)
_OF_OTHERS = {http01.TYPE: {*METHOD_SETTINGS}, dns_persist01.TYPE: {"delegation"}}


class GivenTask(Secretive, frozen=True):
    """A deployment task as a person gives it, and its fields that are secret."""

    definition: TaskDefinition
    secrets: Mapping[str, str] = msgspec.field(default_factory=dict)


class CertificateOptions(Secretive, frozen=True):
    """What a person says of a certificate; what is not said stays as it is defined.

    ``of_certificate`` are fields of the definition, ``of_method`` some of ``METHOD_SETTINGS`` for
    its only method. ``provider``, ``credential`` with the ``fields`` to store in it, ``webroot``
    and ``listen`` say by what that validates, ``persist`` that it is by a record that stays, of the
    provider's if there is one, ``dns_account`` whether challenge names are the CA account's own.
    ``methods`` are whole ones, in place of all others; ``tasks`` are added, or replace those of
    their names, and ``removed_tasks`` are taken away.
    """

    of_certificate: Mapping[str, Any] = msgspec.field(default_factory=dict)
    of_method: Mapping[str, Any] = msgspec.field(default_factory=dict)
    provider: str = ""
    credential: str = ""
    fields: Mapping[str, str] = msgspec.field(default_factory=dict)
    webroot: str | None = None
    listen: str | None = None
    persist: bool = False
    dns_account: bool | None = None
    methods: tuple[MethodDefinition, ...] = ()
    tasks: tuple[GivenTask, ...] = ()
    removed_tasks: tuple[str, ...] = ()
    csr: GivenCsr | None = None
    pkcs12_password: str | None = None

    @property
    def say_method(self) -> bool:
        """Whether they say by what the names are validated."""
        by_http = self.webroot is not None or self.listen is not None
        by_dns = self.provider or self.credential or self.fields or self.persist
        return by_http or bool(by_dns or self.methods)

    def applied_to(self, definition: CertificateDefinition) -> Proposal:
        """Return the definition changed by what is said. Raises InvalidInputError."""
        given = dict(self.of_certificate)
        if self.csr:
            of_csr = {"csr": self.csr.pem, "identifiers": tuple(map(str, self.csr.identifiers))}
            given = {**of_our_key(), **of_csr, **given}
        if self.pkcs12_password is not None:
            if "pkcs12" in self.of_certificate:
                raise InvalidInputError("give --pkcs12-password or --no-pkcs12, not both")
            given["pkcs12"] = True
        methods, credential = self._methods(definition)
        tasks, secrets = self._tasks(definition)
        changed = replace(definition, method=methods, deploy=tasks, **given)
        return Proposal(changed.check(), credential, self.pkcs12_password, secrets)

    def _tasks(
        self, definition: CertificateDefinition
    ) -> tuple[tuple[TaskDefinition, ...], tuple[Credential, ...]]:
        tasks = {task.name: task for task in definition.deploy}
        for name in self.removed_tasks:
            if tasks.pop(name, None) is None:
                raise InvalidInputError(
                    f"{definition.name} has no task '{name[:80]}' to remove: it has"
                    f" {', '.join(tasks) or 'none'}"
                )
        secrets = []
        given = named([one.definition for one in self.tasks])
        for task, one in zip(given, self.tasks, strict=True):
            tasks[task.name] = task
            if one.secrets:
                name = task.credential or f"{definition.name}-{task.name}"
                tasks[task.name] = replace(task, credential=name)
                secrets.append(Credential(name, task.task, one.secrets))
        return tuple(tasks.values()), tuple(secrets)

    def _methods(
        self, definition: CertificateDefinition
    ) -> tuple[tuple[MethodDefinition, ...], Credential | None]:
        where, credential = self._where(definition.name)
        if self.methods:
            if self.of_method or where or self.dns_account is not None:
                raise InvalidInputError(
                    "--method defines a whole method: put the other method options into it"
                )
            return self.methods, None
        if not self.of_method and not where and self.dns_account is None:
            return definition.method, None
        if len(definition.method) > 1:
            raise InvalidInputError(
                f"{definition.name} has {len(definition.method)} methods: give all of them, each "
                "with --method, or change a file and use 'zoneproof"
                " apply'"
            )
        before = definition.method[0] if definition.method else MethodDefinition()
        if where:
            stays = {*METHOD_SETTINGS} - _OF_OTHERS.get(where.get("challenge", dns01.TYPE), set())
            if before.challenge == dns_account01.TYPE:
                stays.add("challenge")
            kept = {name: value for name, value in asdict(before).items() if name in stays}
            before = MethodDefinition(match=before.match, **kept)
        method = replace(before, **where, **self.of_method)
        if self.dns_account:
            method = replace(method, challenge=dns_account01.TYPE)
        elif self.dns_account is False and method.challenge == dns_account01.TYPE:
            method = replace(method, challenge=dns01.TYPE)
        return (method,), credential

    def _where(self, certificate: str) -> tuple[dict[str, Any], Credential | None]:
        """Return the fields of a method that say by what it validates, and what is to be stored."""
        where, credential = self._by(certificate)
        if self.dns_account and (self.persist or "challenge" in where):
            raise InvalidInputError(
                "--dns-account is for values that a DNS provider writes: omit it, or --persist,"
                " --webroot and --standalone"
            )
        if self.persist:
            where = {"challenge": dns_persist01.TYPE, **(where or {"provider": "manual"})}
        return where, credential

    def _by(self, certificate: str) -> tuple[dict[str, Any], Credential | None]:
        provider, name, fields = self.provider, self.credential, dict(self.fields)
        by_http = {"webroot": self.webroot, "listen": self.listen}
        http = {field: value for field, value in by_http.items() if value is not None}
        if http:
            if provider or name or fields or self.persist or len(http) > 1:
                raise InvalidInputError(
                    "choose one way to validate: --provider or --credential, --persist with or"
                    " without one of these, --webroot, or --standalone"
                )
            return {"challenge": http01.TYPE, **http}, None
        if fields and not provider:
            raise InvalidInputError("--field and --server belong to a provider: add --provider")
        if not provider:
            return ({"credential": name} if name else {}), None
        if name and not fields:
            raise InvalidInputError(
                f"the credential {name[:80]} already has a provider: omit --provider to use it, or "
                "add"
                " the --field options to be stored under that name"
            )
        if name or secret_fields(provider, fields):
            name = name or f"{certificate}-{short_name(provider)}"
            return {"credential": name}, Credential(name, provider, fields)
        return {"provider": provider, "fields": fields}, None
