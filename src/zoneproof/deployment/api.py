"""The API client of providers, for tasks: its errors become those of a task."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager

from zoneproof.core.errors import (
    DeploymentError,
    ProviderCredentialsError,
    ProviderError,
    ProviderPermissionError,
)
from zoneproof.deployment.contract import Material, Occasion, TaskContext
from zoneproof.providers import ProviderContext
from zoneproof.providers.api_client import ApiClient
from zoneproof.providers.bearer_token import BearerToken
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals

_USUAL: Refusals = {
    401: Refusal(ProviderCredentialsError, "it does not accept the credentials"),
    403: Refusal(ProviderPermissionError, "the credentials do not allow this"),
}


@asynccontextmanager
async def api_client(
    context: TaskContext,
    where: str,
    base_url: str,
    *,
    headers: Mapping[str, str] | None = None,
    secrets: Iterable[str],
    ca_bundle: str | None = None,
    sign_in: Callable[[ApiClient], Awaitable[tuple[str, float]]] | None = None,
    refusals: Refusals | None = None,
    errors: ErrorBody | None = None,
) -> AsyncIterator[ApiClient]:
    """Open a client; what goes wrong with it is a DeploymentError that begins with ``where``.

    ``sign_in`` returns a token, and for how many seconds it is good; it is called again if the
    token is refused.
    """
    opened = ProviderContext({}, sleep=context.sleep, now=context.now)

    async def fetch() -> tuple[str, float]:
        assert sign_in
        return await sign_in(client)

    client = ApiClient(
        opened,
        base_url,
        headers=headers,
        secrets=secrets,
        ca_bundle=ca_bundle,
        token=BearerToken(fetch, opened.clock) if sign_in else None,
        refusals={**_USUAL, **(refusals or {})},
        errors=errors,
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
