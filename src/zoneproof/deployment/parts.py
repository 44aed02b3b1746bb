"""The files of a certificate that a task's fields ask for: where they go, and what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat, pkcs12

from zoneproof.acme import CertificateChain, key_from_pem, public_der
from zoneproof.core.access import Access, read_access, read_mode
from zoneproof.core.errors import DeploymentError, InvalidInputError
from zoneproof.core.fields import CredentialField
from zoneproof.core.files import absolute_path
from zoneproof.deployment.contract import Material, Occasion
from zoneproof.deployment.placement import Wanted
from zoneproof.deployment.trouble import place_problem

PARTS = {
    "cert": "where the certificate goes, alone",
    "chain": "where the CA's certificates above it go",
    "fullchain": "where the certificate and its chain go, in one file",
    "key": "where the private key goes",
    "combined": "where key, certificate and chain go, in one file",
    "pkcs12": "where the PKCS #12 file goes",
}
_WITH_KEY = ("key", "combined", "pkcs12")
_ACCESS = (
    CredentialField("owner", "user who owns the files, by name or number", default=""),
    CredentialField("group", "group of the files, by name or number", default=""),
    CredentialField(
        "mode", "mode of files with the key, such as 0640", default="", check=read_mode
    ),
)
PKCS12_FIELDS = (
    CredentialField("pkcs12_password", "password of the PKCS #12 file", secret=True, default=""),
    CredentialField(
        "pkcs12_encryption",
        "legacy is what Java before 8u301 and Windows before 2019 can read",
        default="modern",
        choices=("modern", "legacy"),
    ),
)


def file_fields(*parts: str) -> tuple[CredentialField, ...]:
    """Return the fields by which a task is told where files go, and whose they are."""
    where = "an absolute path, in which {name} is the certificate's name"
    paths = (
        CredentialField(
            part, f"{PARTS[part]}: {where}", default="", check=partial(absolute_path, part)
        )
        for part in parts
    )
    return (*paths, *_ACCESS)


def access_of(fields: Mapping[str, str]) -> Access:
    """Return owner, group and mode that a task's fields say. Raises InvalidInputError."""
    return read_access(fields["owner"], fields["group"], fields["mode"])


def paths_of(fields: Mapping[str, str], certificate: str) -> dict[str, Path]:
    """Return where the parts of a certificate go, by part."""
    return {
        part: Path(fields[part].replace("{name}", certificate))
        for part in PARTS
        if fields.get(part)
    }


def wanted_files(fields: Mapping[str, str], occasion: Occasion) -> list[Wanted]:
    """Return the files that a task's fields ask for. Raises DeploymentError."""
    material = occasion.material
    if material is None:
        raise DeploymentError("there is no certificate to copy")
    found = []
    for part, path in paths_of(fields, occasion.certificate).items():
        if part == "pkcs12":
            found.append(_bundle(path, occasion.certificate, material, fields))
        else:
            found.append(Wanted(path, _content(part, material), part in _WITH_KEY))
    return found


def _content(part: str, material: Material) -> bytes:
    chain = material.chain
    public = {"cert": chain.leaf_pem, "chain": chain.issuers_pem, "fullchain": chain.pem}
    if part in public:
        return public[part]
    key = _key(material)
    return key if part == "key" else combined(key, chain.pem)


def combined(key: bytes, fullchain: bytes) -> bytes:
    """Return all in one file (PEM), the key first: Postfix wants it so, and HAProxy takes it."""
    return key.rstrip() + b"\n" + fullchain


def _key(material: Material) -> bytes:
    if material.private_key is None:
        raise DeploymentError(
            "the key stays with its owner, so it cannot be copied: remove the fields for files with"
            " the key"
        )
    return material.private_key


def pkcs12_file(
    name: str, chain: CertificateChain, key: bytes, password: bytes, *, legacy: bool
) -> bytes:
    """Return a PKCS #12 file (RFC 7292), encrypted if there is a password.

    ``key`` is PEM. ``legacy`` is what older readers know: SHA-1 and Triple DES.
    """
    builder = PrivateFormat.PKCS12.encryption_builder()
    if legacy:
        cipher = pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC
        builder = builder.key_cert_algorithm(cipher).hmac_hash(SHA1())  # noqa: S303  as it says
    else:
        cipher = pkcs12.PBES.PBESv2SHA256AndAES256CBC
        builder = builder.key_cert_algorithm(cipher).hmac_hash(SHA256())
    leaf, *issuers = chain.certificates
    return pkcs12.serialize_key_and_certificates(
        name.encode(),
        key_from_pem(key),
        leaf,
        issuers,
        builder.build(password) if password else NoEncryption(),
    )


def _bundle(path: Path, name: str, material: Material, fields: Mapping[str, str]) -> Wanted:
    password = fields["pkcs12_password"].encode()
    legacy = fields["pkcs12_encryption"] == "legacy"
    data = pkcs12_file(name, material.chain, _key(material), password, legacy=legacy)

    def is_same(other: bytes) -> bool:  # of two with the same content no byte need be the same
        try:
            return _opened(other, password) == _opened(data, password)
        except ValueError:
            return False

    return Wanted(path, data, True, is_same)


def _opened(data: bytes, password: bytes) -> tuple[object, ...]:
    key, leaf, issuers = pkcs12.load_key_and_certificates(data, password or None)
    return leaf, tuple(issuers), public_der(key.public_key()) if key else None


def file_problems(fields: Mapping[str, str]) -> list[str]:
    """Return why files could not be written where a task's fields say."""
    problems = []
    try:
        access_of(fields)
    except InvalidInputError as error:
        problems.append(error.message)
    paths = paths_of(fields, "certificate").values()
    problems += filter(None, map(place_problem, paths))
    return list(dict.fromkeys(problems))
