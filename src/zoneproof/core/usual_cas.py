"""The CAs that this machine trusts, or that OpenSSL's environment variables name instead."""

from __future__ import annotations

import os
import ssl
import sys
from pathlib import Path
from weakref import WeakValueDictionary

import httpx2

from zoneproof.core.errors import ConfigError
from zoneproof.core.text import sanitize

_FILE, _FOLDER = "SSL_CERT_FILE", "SSL_CERT_DIR"
_in_use: WeakValueDictionary[tuple[str, str], ssl.SSLContext] = WeakValueDictionary()


def usual_cas() -> ssl.SSLContext:
    """Return what trusts these CAs alone.

    They take longer to read than a handshake, so all who use them at the same time share them; what
    has changed on disk is seen once nobody does. Raises ConfigError, which names the variable.
    """
    where = os.environ.get(_FILE, ""), os.environ.get(_FOLDER, "")
    found = _in_use.get(where)
    if found is None:
        try:
            found = httpx2.create_ssl_context()
        except OSError as error:  # an SSLError is one
            variable, value = (_FILE, where[0]) if where[0] else (_FOLDER, where[1])
            why = "it has no certificates in PEM form"
            if not isinstance(error, ssl.SSLError):
                why = sanitize(error.strerror or str(error))
            raise ConfigError(
                f"the CAs to trust cannot be read: {variable} in the environment is"
                f" {sanitize(value)} ({why}); correct it or unset it"
            ) from error
        _in_use[where] = found
    return found


def missing_cas(usual: ssl.SSLContext) -> str:
    """Say that there is no CA to trust, and what to do; return nothing if there are some."""
    if sys.platform in ("win32", "darwin") or usual.cert_store_stats()["x509"]:
        return ""
    chosen = os.environ.get(_FOLDER, "")
    try:
        if any(Path(chosen or ssl.get_default_verify_paths().openssl_capath).iterdir()):
            return ""
    except OSError:
        pass  # there is none
    if chosen:
        return f"{_FOLDER} in the environment is {sanitize(chosen)}, where there are no CAs"
    return "this machine has no CAs to trust: install its package ca-certificates"
