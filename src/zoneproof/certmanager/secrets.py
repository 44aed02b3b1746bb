"""Values of Secrets, read from the cluster when they are needed; some fields want them as files."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path

import msgspec

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.files import write_new
from zoneproof.core.text import sanitize
from zoneproof.kubernetes import KubernetesClient

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_TYPE = "Opaque"
_MOST_BYTES = 4 * 1024 * 1024  # of all files; a Secret has at most one MiB


class SecretRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key of a Secret; the namespace is the Issuer's, whatever an Issuer says."""

    name: str
    key: str


class _Secret(msgspec.Struct):
    type: str = _TYPE
    data: dict[str, str] | None = None


class Secrets:
    """The Secrets of one namespace, each read once."""

    def __init__(self, api: KubernetesClient, namespace: str) -> None:
        self._api = api
        self._namespace = namespace
        self._read: dict[str, dict[str, str]] = {}

    async def value(self, ref: SecretRef) -> str:
        """Return a value as text, without the line break that an editor leaves at its end.

        Raises InvalidInputError for what is not there, of another type than Opaque or not text, and
        KubernetesError.
        """
        where = f"{self._namespace}/{ref.name}"
        data = await self._data(ref.name)
        if ref.key not in data:
            keys = sanitize(", ".join(sorted(data))) or "none"
            raise InvalidInputError(
                f"the Secret {where} has no key '{sanitize(ref.key, limit=80)}'; it has {keys}"
            )
        try:
            text = base64.b64decode(data[ref.key], validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise InvalidInputError(
                f"the key '{ref.key}' of the Secret {where} is not text in UTF-8"
            ) from error
        return text.rstrip("\r\n")

    async def _data(self, name: str) -> dict[str, str]:
        if name in self._read:
            return self._read[name]
        for text, what in ((name, "a Secret"), (self._namespace, "a namespace")):
            if not _NAME.fullmatch(text):
                raise InvalidInputError(f"'{sanitize(text)}' cannot be the name of {what}")
        where = f"{self._namespace}/{name}"
        path = f"/api/v1/namespaces/{self._namespace}/secrets/{name}"
        reply = await self._api.send("GET", path, expected=(200, 403, 404), repeatable=True)
        if reply.status == HTTPStatus.FORBIDDEN:
            raise InvalidInputError(
                f"the webhook may not read the Secret {where}: name its namespace in the chart's"
                " webhook.secrets.namespaces"
            )
        if reply.status == HTTPStatus.NOT_FOUND:
            raise InvalidInputError(
                f"there is no Secret {where}: create it in {self._namespace}, the namespace of the"
                " Issuer (of a ClusterIssuer: cert-manager's cluster resource namespace)"
            )
        found = self._api.read(reply, _Secret)
        if found.type != _TYPE:
            raise InvalidInputError(
                f"the Secret {where} is of the type {sanitize(found.type)}: put the value into one"
                f" of the type {_TYPE}"
            )
        self._read[name] = found.data or {}
        return self._read[name]


class PrivateFiles:
    """A folder of one process, with files that only its user may read, named by what they hold.

    Issuers name any number of them, so those that were not asked for longest go when all together
    have more than ``most`` bytes.
    """

    def __init__(self, folder: Path, *, most: int = _MOST_BYTES) -> None:
        self._folder = folder
        self._most = most
        self._contents: dict[Path, bytes] = {}  # the one that was asked for last is the last

    def path_of(self, content: bytes) -> Path:
        """Return the file that holds this. Raises StorageError."""
        path = self._folder / hashlib.sha256(content).hexdigest()
        self._contents.pop(path, None)
        while self._contents and sum(map(len, self._contents.values())) + len(content) > self._most:
            oldest = next(iter(self._contents))
            del self._contents[oldest]
            oldest.unlink(missing_ok=True)
        if not path.exists():
            write_new(path, content)
        self._contents[path] = content
        return path

    def contents(self, values: Iterable[str]) -> tuple[bytes, ...]:
        """Return what the files hold whose paths are among the values."""
        found = map(self._contents.get, map(Path, values))
        return tuple(content for content in found if content is not None)
