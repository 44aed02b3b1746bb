"""The API client of providers, for tasks: its errors become those of a task."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from zoneproof.core.errors import DeploymentError, ProviderError
from zoneproof.deployment.contract import Material, Occasion, TaskContext
from zoneproof.providers import ProviderContext
from zoneproof.providers.api_client import ApiClient


@asynccontextmanager
async def api_client(
    context: TaskContext,
    where: str,
    base_url: str,
    *,
    headers: Mapping[str, str] | None = None,
    secrets: Iterable[str] = (),
    ca_bundle: str = "",
) -> AsyncIterator[ApiClient]:
    """Open a client; what goes wrong with it is a DeploymentError that begins with ``where``."""
    client = ApiClient(
        ProviderContext({}, sleep=context.sleep, now=context.now),
        base_url,
        headers=headers,
        secrets=secrets,
        ca_bundle=ca_bundle,
    )
    try:
        yield client
    except ProviderError as error:
        raise DeploymentError(f"{where}: {error.message}") from error
    finally:
        await client.close()


def with_key(occasion: Occasion) -> tuple[Material, bytes]:
    """Return what was issued, and its key (PEM). Raises DeploymentError if there is no key here."""
    material = occasion.material
    if material is None or material.private_key is None:
        raise DeploymentError("the key stays with its owner, so it cannot be handed over")
    return material, material.private_key
