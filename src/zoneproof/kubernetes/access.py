"""How a cluster's API is reached: its address, whose certificates to trust, and who signs in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from zoneproof.core.errors import KubernetesError
from zoneproof.core.files import exists, read_file
from zoneproof.core.text import sanitize

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class ClusterCredential:
    """What a request signs in with: a bearer token, a client certificate with its key (PEM), both,
    or nothing.
    """

    token: str = field(default="", repr=False)
    certificate: bytes = field(default=b"", repr=False)
    key: bytes = field(default=b"", repr=False)


class ClusterCredentials(Protocol):
    """Where a credential comes from; it is asked for each request."""

    async def get(self) -> ClusterCredential:
        """Return one that is good now. Raises KubernetesError."""
        ...

    def forget(self) -> bool:
        """Tell that the last one was refused; return whether another may be got."""
        ...


@dataclass(frozen=True)
class StaticCredential:
    """One that stays as it is."""

    credential: ClusterCredential

    async def get(self) -> ClusterCredential:
        """Return it."""
        return self.credential

    def forget(self) -> bool:
        """Return False."""
        return False


@dataclass(frozen=True)
class TokenFile:
    """A token in a file, read each time, because the kubelet replaces it before it ends."""

    path: Path

    async def get(self) -> ClusterCredential:
        """Return what is in the file."""
        try:
            text = read_file(self.path).decode("ascii").strip()
            return ClusterCredential(check_token(text, str(self.path)))
        except OSError as error:
            raise KubernetesError(f"cannot read {self.path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise KubernetesError(f"{self.path} holds no token") from error

    def forget(self) -> bool:
        """Return True: it may have been replaced meanwhile."""
        return True


@dataclass(frozen=True)
class ClusterAccess:
    """Everything that is needed to reach a cluster.

    ``server`` is a URL, ``ca`` are the roots to trust (PEM), empty for the usual ones;
    ``namespace`` is the one that is meant where nobody names one.
    """

    server: str
    credentials: ClusterCredentials = field(repr=False)
    ca: bytes = field(default=b"", repr=False)
    namespace: str = "default"


def in_cluster(
    environ: Mapping[str, str] = os.environ, folder: Path = SERVICE_ACCOUNT
) -> ClusterAccess:
    """Return the access of the pod that this runs in, by its service account.

    Raises KubernetesError where this is not a pod, or the pod has none.
    """
    host = environ.get("KUBERNETES_SERVICE_HOST", "")
    port = environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host or not exists(folder / "token"):
        missing = f"{folder}/token does not exist" if host else "KUBERNETES_SERVICE_HOST is not set"
        raise KubernetesError(f"this is not a pod with a service account ({missing})")
    ca = read_pem(folder / "ca.crt")
    try:
        namespace = read_file(folder / "namespace").decode().strip()
    except (OSError, UnicodeDecodeError):
        namespace = ""
    server = f"https://{f'[{host}]' if ':' in host else host}:{port}"
    return ClusterAccess(server, TokenFile(folder / "token"), ca, namespace or "default")


def with_token(server: str, token: str, ca_bundle: Path | None = None) -> ClusterAccess:
    """Return the access by a token that does not change. Raises KubernetesError for the bundle."""
    ca = read_pem(ca_bundle) if ca_bundle else b""
    return ClusterAccess(server, StaticCredential(ClusterCredential(token)), ca)


def read_pem(path: Path) -> bytes:
    """Return the content of a PEM file. Raises KubernetesError."""
    try:
        content = read_file(path)
    except OSError as error:
        raise KubernetesError(f"cannot read {path}: {error.strerror}") from error
    if b"-----BEGIN " not in content:
        raise KubernetesError(f"{path} has nothing in PEM form")
    return content


def check_token(text: str, where: str) -> str:
    """Return a token that a header can carry. Raises KubernetesError without repeating it."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise KubernetesError(f"{sanitize(where)}: the token has a space or a line break")
    return text
