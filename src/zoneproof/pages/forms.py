"""What a form sends: its fields as text, read within bounds."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from zoneproof.serving.requests import MAX_BODY, read_body
from zoneproof.serving.responses import HttpError

_MOST_FIELDS = 2000


class Form:
    """The fields of a form. White space around values goes; a field that is not there is empty."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def text(self, name: str) -> str:
        """Return the value of a field, of several the last."""
        return next((value for key, value in reversed(self._pairs) if key == name), "").strip()

    def required(self, name: str) -> str:
        """Return the value of a field of which nothing, too, would be saved.

        Raises HttpError if it was not sent: no form of ours leaves it out.
        """
        if all(key != name for key, _ in self._pairs):
            raise HttpError(400, "malformed_form", f"the form lacks the field '{name}'")
        return self.text(name)

    def secret(self, name: str) -> str:
        """Return the value of a field as it was typed."""
        return next((value for key, value in reversed(self._pairs) if key == name), "")

    def all(self, name: str) -> tuple[str, ...]:
        """Return all values of a field that are not empty."""
        return tuple(value.strip() for key, value in self._pairs if key == name and value.strip())

    def words(self, name: str) -> tuple[str, ...]:
        """Return the words of a field, which white space and commas separate."""
        return tuple(dict.fromkeys(self.text(name).replace(",", " ").split()))

    def is_on(self, name: str) -> bool:
        """Tell whether a box is ticked."""
        return bool(self.text(name))

    def below(self, prefix: str) -> dict[str, str]:
        """Return the fields whose names begin so, without the beginning."""
        return {
            key.removeprefix(prefix): value for key, value in self._pairs if key.startswith(prefix)
        }

    def but(self, changed: Mapping[str, str], *, without: str = "") -> Form:
        """Return the form with other values, and without fields whose names begin so if given."""
        kept = [
            (key, value)
            for key, value in self._pairs
            if key not in changed and not (without and key.startswith(without))
        ]
        return Form([*kept, *changed.items()])


async def read_form(request: Request, most: int = MAX_BODY) -> Form:
    """Return the form that is posted, an empty one otherwise.

    Raises HttpError for what is none, or has more than ``most`` bytes.
    """
    if request.method != "POST":
        return Form([])
    body = await read_body(request, most)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != "application/x-www-form-urlencoded":
        raise HttpError(415, "unsupported_media_type", "a form is expected here")
    return parse(body.decode("utf-8", "replace"))


def parse(text: str) -> Form:
    """Return the form that a query or a body is. Raises HttpError."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise HttpError(400, "malformed_form", "the form cannot be read") from error
    return Form([(key, value.replace("\r\n", "\n")) for key, value in pairs])
