"""The files that browsers get: each under a name with its hash, so that it may be kept for ever."""

from __future__ import annotations

import functools
import hashlib
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

from zoneproof.serving.responses import HttpError

PATH = "/assets/"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOR_EVER = "public, max-age=31536000, immutable"


class Assets:
    """All asset files, read once."""

    def __init__(self) -> None:
        self._urls: dict[str, str] = {}
        self._served: dict[str, tuple[bytes, str]] = {}
        for entry in files("zoneproof.pages").joinpath("assets").iterdir():
            stem, dot, suffix = entry.name.rpartition(".")
            kind = _TYPES.get(dot + suffix)
            if kind is None:
                continue
            content = entry.read_bytes()
            name = f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{suffix}"
            self._urls[entry.name] = PATH + name
            self._served[name] = content, kind

    def url(self, name: str) -> str:
        """Return the path at which a file is served."""
        return self._urls[name]

    async def serve(self, request: Request) -> Response:
        """Answer with the file. Raises HttpError for a name that is none."""
        found = self._served.get(request.path_params["name"])
        if found is None:
            raise HttpError(404, "not_found", "there is nothing at this path")
        content, kind = found
        return Response(content, media_type=kind, headers={"Cache-Control": _FOR_EVER})


@functools.cache
def all_assets() -> Assets:
    """Return the assets, which are read once in a process."""
    return Assets()
