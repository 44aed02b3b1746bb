"""What a provider's answers mean: our own errors for all that were not expected."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from zoneproof.core.errors import ProviderError, ProviderQuotaError, ProviderUnavailableError
from zoneproof.core.http import NoReplyError, Reply, error_text, retry_at, utc_now
from zoneproof.core.text import sanitize
from zoneproof.providers.refusals import ErrorBody, Problem, Refusal, Refusals

LIMITED = HTTPStatus.TOO_MANY_REQUESTS


@dataclass(frozen=True)
class Verdicts:
    """Those on one API's answers; ``advice`` is for refusals of a kind that have none.

    Nothing of ``secrets`` is repeated. ``url_advice`` says what to do where the URL may be wrong.
    """

    errors: ErrorBody | None
    advice: Mapping[type[ProviderError], str]
    secrets: Collection[str]
    url_advice: str

    def judge(self, reply: Reply, table: Refusals) -> tuple[Problem | None, Refusal | None]:
        """Return what the answer says is wrong, and what the table has for that."""
        problem = self.errors.read(reply.status, reply.body) if self.errors else None
        if problem is None and reply.status >= 400:
            problem = Problem(error_text(reply.body, self.secrets))
        if problem is None:
            return None, None
        keys: list[int | str] = [*problem.codes, problem.message, reply.status]
        return problem, next((table[key] for key in keys if key in table), None)

    def require(
        self,
        reply: Reply,
        table: Refusals,
        *,
        begin: str,
        expected: Collection[int],
        not_done: Collection[int],
    ) -> None:
        """Raise ProviderError, which begins with ``begin``, for what is none of the ``expected``.

        A failure with one of the statuses ``not_done`` has changed nothing.
        """
        problem, refusal = self.judge(reply, table)
        if refusal and not (reply.status in expected and reply.status >= 400):
            raise self._refused(begin, reply, problem, refusal)
        if is_failure(reply.status):
            raise self._failed(begin, reply, unchanged=reply.status in not_done)
        if 300 <= reply.status < 400 and reply.status not in expected:
            target = sanitize(reply.headers.get("Location", "nowhere"), secrets=self.secrets)
            raise ProviderError(
                f"{begin}it redirects to {target}; a request with credentials does not follow"
                f"{': set the URL to where the service really is' * bool(self.url_advice)}"
            )
        if reply.status not in expected or (problem and reply.status < 400):
            other = Refusal(ProviderError, f"it refused the request with status {reply.status}")
            raise self._refused(begin, reply, problem, other)

    def no_answer(self, begin: str, error: NoReplyError, *, repeatable: bool) -> ProviderError:
        """Return the error for a request that was not answered."""
        reason = sanitize(error.message, limit=500, secrets=self.secrets)
        if not repeatable and not error.unsent:
            reason += "; it is not known whether it did what was asked"
        again = "" if error.hopeless else "; try again"
        return ProviderUnavailableError(f"{begin}{reason}{again}", changed_nothing=error.unsent)

    def of_another_form(self, begin: str, status: int, error: Exception) -> ProviderError:
        """Return the error for an answer that lacks what it should have."""
        what = sanitize(str(error), secrets=self.secrets)
        return ProviderError(
            f"{begin}the answer with status {status} is JSON of an unexpected form"
            f" ({what}){self.url_advice}"
        )

    def _refused(
        self, begin: str, reply: Reply, problem: Problem | None, refusal: Refusal
    ) -> ProviderError:
        words = sanitize(problem.message, secrets=self.secrets) if problem else ""
        words = words or error_text(reply.body, self.secrets)
        advice = refusal.advice or self.advice.get(refusal.kind, "")
        advice = advice and f"; {advice}"
        return refusal.kind(
            f"{begin}{refusal.meaning}, it says: {words}{advice}",
            changed_nothing=reply.status >= 400 or problem is not None or None,
        )

    def _failed(self, begin: str, reply: Reply, *, unchanged: bool) -> ProviderError:
        words = error_text(reply.body, self.secrets)
        if reply.status == LIMITED:
            moment = retry_at(reply.headers.get("Retry-After"), now := utc_now())
            wait = (moment - now).total_seconds() if moment else 0.0
            later = f" in {wait:.0f} seconds" if wait > 0 else " later"
            return ProviderQuotaError(
                f"{begin}too many requests (429), it says: {words}; try again{later}"
            )
        return ProviderUnavailableError(
            f"{begin}it failed with status {reply.status}, and says: {words}; try again later",
            changed_nothing=unchanged,
        )


def is_failure(status: int) -> bool:
    """Tell whether a status says that the service cannot do now what was asked."""
    return status == LIMITED or (status >= 500 and status != HTTPStatus.NOT_IMPLEMENTED)
