"""The webhook as an application: who may call what, and what is answered."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from zoneproof.certmanager import discovery
from zoneproof.certmanager.callers import FrontProxy, authenticate, authorize
from zoneproof.certmanager.payload import ChallengePayload, ChallengeRequest, refusal
from zoneproof.core.errors import InvalidInputError, ZoneproofError, unforeseen
from zoneproof.core.text import sanitize
from zoneproof.kubernetes import KubernetesClient
from zoneproof.serving.application import Application
from zoneproof.serving.requests import decode, read_body
from zoneproof.serving.responses import HttpError, json_answer, log_refused, of_framework

_log = logging.getLogger(__name__)
_HEALTH = ("/healthz", "/livez")


class Actions(Protocol):
    """What presents values and cleans them up."""

    async def present(self, request: ChallengeRequest) -> None:
        """Present the value. Raises ZoneproofError."""
        ...

    async def clean_up(self, request: ChallengeRequest) -> None:
        """Clean the value up. Raises ZoneproofError."""
        ...


class WebhookApp:
    """Makes the application for a group, and answers its requests.

    ``front_proxy`` returns what is believed at the time; ``problem`` says in a line why no request
    should come here, or nothing.
    """

    def __init__(
        self,
        group: str,
        actions: Actions,
        api: KubernetesClient,
        front_proxy: Callable[[], FrontProxy],
        problem: Callable[[], str],
    ) -> None:
        self._group = group
        self._actions = actions
        self._api = api
        self._front_proxy = front_proxy
        self._problem = problem

    def make(self) -> ASGIApp:
        """Return the ASGI application."""
        group = self._group
        root = f"/apis/{group}/{discovery.VERSION}"
        documents = {
            "/apis": discovery.group_list(group),
            f"/apis/{group}": discovery.api_group(group),
            root: discovery.resource_list(group),
            "/openapi/v2": discovery.openapi_v2(),
            "/openapi/v3": discovery.openapi_v3_index(group),
            f"/openapi/v3{root}": discovery.openapi_v3(),
        }
        return Application(
            [
                *(Route(path, _healthy) for path in _HEALTH),
                Route("/readyz", self._ready),
                *(Route(path, self._document(content)) for path, content in documents.items()),
                Route(f"{root}/{discovery.RESOURCE}", self._solve, methods=["POST"]),
            ],
            {HTTPException: _refused, Exception: _bug},
        )

    async def _ready(self, request: Request) -> Response:
        problem = self._problem()
        return PlainTextResponse(problem or "ok", 503 if problem else 200)

    def _document(self, content: dict[str, Any]) -> Callable[[Request], Awaitable[Response]]:
        answer = msgspec.json.encode(content)

        # No access review: Kubernetes lets every authenticated user discover, and its aggregator
        # asks here as a user without groups.
        async def show(request: Request) -> Response:
            authenticate(request, self._front_proxy())
            return Response(answer, media_type="application/json")

        return show

    async def _solve(self, request: Request) -> Response:
        caller = authenticate(request, self._front_proxy())
        attributes = {
            "group": self._group,
            "version": discovery.VERSION,
            "resource": discovery.RESOURCE,
            "verb": "create",
        }
        await authorize(self._api, caller, attributes)
        payload = decode(await read_body(request), ChallengePayload)
        challenge: ChallengeRequest = decode(payload.request, ChallengeRequest)
        problem = await self._problem_of(challenge)
        if problem:
            _log.warning("%s of %s: %s", challenge.action, challenge.dns_name, problem)
        # Parsed again by cert-manager's client, which wants what it sent in the answer.
        return json_answer(201, payload.answered(challenge, problem))

    async def _problem_of(self, challenge: ChallengeRequest) -> str:
        """Do what is asked; return what went wrong in a line, or an empty one."""
        try:
            match challenge.action:
                case "Present":
                    await self._actions.present(challenge)
                case "CleanUp":
                    await self._actions.clean_up(challenge)
                case other:
                    raise InvalidInputError(
                        f"'{sanitize(other)}' is not an action: Present and CleanUp are"
                    )
        except ZoneproofError as error:
            return " ".join([error.message, *error.records])
        return ""


async def _healthy(_: Request) -> Response:
    return PlainTextResponse("ok")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known: HttpError = of_framework(error)
    if request.client:
        request.state.address = request.client.host
    log_refused(request, known.code, known.message)
    return json_answer(known.status_code, refusal(known.status_code, known.message), known.headers)


async def _bug(_: Request, error: Exception) -> Response:
    bug = unforeseen(error)
    _log.error("%s", bug.message)
    return json_answer(500, refusal(500, bug.message))
