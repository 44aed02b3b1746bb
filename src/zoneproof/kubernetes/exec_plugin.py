"""Credential plugins, as kubeconfig files name them: programs that print an ``ExecCredential``.

As client-go's "client-go credential plugins" has it (kubernetes.io, 2026; v1 and v1beta1 of
``client.authentication.k8s.io``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from zoneproof.core.errors import KubernetesError
from zoneproof.core.programs import ProgramError, find_program, run_program
from zoneproof.core.text import sanitize
from zoneproof.kubernetes.access import ClusterCredential, check_token

API_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_SECONDS = 60.0
_EARLY = timedelta(seconds=60)  # no token is used so shortly before its end
_OURS = "ZONEPROOF_"


class _Status(msgspec.Struct, rename="camel"):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: datetime | None = None


class _ExecCredential(msgspec.Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""
    status: _Status | None = None


@dataclass
class ExecPlugin:
    """Runs the program when a credential is first needed, and again when that has ended.

    ``command`` is its name or path, relative paths to ``folder``. It gets our environment, as
    kubectl does it, because such programs look there for profiles and roles, but without what
    is Zoneproof's own. ``cluster`` is what it is told of the cluster, if it asks for that.
    """

    command: str
    arguments: Sequence[str]
    variables: Mapping[str, str] = field(repr=False)
    api_version: str
    folder: Path
    hint: str = ""  # how to install it
    cluster: Mapping[str, object] | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _kept: ClusterCredential | None = field(default=None, init=False, repr=False)
    _until: datetime | None = field(default=None, init=False)

    async def get(self) -> ClusterCredential:
        """Return a credential. Raises KubernetesError."""
        if self._kept is None or (self._until and self.now() >= self._until - _EARLY):
            self._kept, self._until = await self._run()
        return self._kept

    def forget(self) -> bool:
        """Return True, and run the program again next time."""
        self._kept = None
        return True

    async def _run(self) -> tuple[ClusterCredential, datetime | None]:
        name = sanitize(self.command)
        spec: dict[str, object] = {"interactive": False}
        if self.cluster is not None:
            spec["cluster"] = self.cluster
        info = {"apiVersion": self.api_version, "kind": "ExecCredential", "spec": spec}
        told = {"KUBERNETES_EXEC_INFO": msgspec.json.encode(info).decode()}
        own = {key: value for key, value in self.environ.items() if not key.startswith(_OURS)}
        try:
            command = [self._find(), *self.arguments]
            ended = await run_program(
                command, seconds=_SECONDS, variables={**own, **self.variables, **told}
            )
        except ProgramError as error:
            hint = f" ({sanitize(self.hint, limit=300)})" if self.hint and not error.started else ""
            raise KubernetesError(f"the credential plugin {name} {error.message}{hint}") from error
        if ended.failure:
            raise KubernetesError(f"the credential plugin {name} {ended.failure}")
        return self._read(name, ended.stdout)

    def _find(self) -> str:
        if "/" in self.command:
            return str(self.folder / self.command)
        return find_program(self.command)

    def _read(self, name: str, printed: bytes) -> tuple[ClusterCredential, datetime | None]:
        try:
            found = msgspec.json.decode(printed, type=_ExecCredential)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise KubernetesError(
                f"the credential plugin {name} printed something else than an ExecCredential"
            ) from error
        if found.kind != "ExecCredential" or found.api_version != self.api_version:
            raise KubernetesError(
                f"the credential plugin {name} printed {sanitize(found.kind) or 'no kind'} of"
                f" {sanitize(found.api_version) or 'no version'}, not ExecCredential of"
                f" {self.api_version}"
            )
        status = found.status or _Status()
        if not status.token and not (status.client_certificate_data and status.client_key_data):
            raise KubernetesError(
                f"the credential plugin {name} printed neither a token nor a certificate with a key"
            )
        check_token(status.token, f"the credential plugin {name}")
        until = status.expiration_timestamp
        if until and until.tzinfo is None:
            until = until.replace(tzinfo=UTC)
        certificate, key = status.client_certificate_data, status.client_key_data
        return ClusterCredential(status.token, certificate.encode(), key.encode()), until
