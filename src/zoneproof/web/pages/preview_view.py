"""A preview as pages show it: the words are those of the command."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from zoneproof.challenges.preflight import Finding
from zoneproof.issuance.preflight_texts import PreflightGroup, grouped
from zoneproof.manager import Preview
from zoneproof.pages.records import RecordView, SightingView, record_views
from zoneproof.web.pages.accounts import BUNDLE

_BUNDLE = f"'{BUNDLE}' when you register an account there, under CA accounts"


class PreviewView:
    """What would happen if a certificate were issued now."""

    def __init__(self, found: Preview) -> None:
        self.found = found
        self.name = found.definition.name
        self.rows = found.rows()
        self.terms_url = found.terms_url

    @property
    def groups(self) -> list[PreflightGroup]:
        """The identifiers, those with the same findings together."""
        return grouped(self.found.examinations)

    @property
    def findings(self) -> Sequence[Finding]:
        """What is found of the certificate as a whole."""
        found = (*self.found.findings, *self.found.deployment)
        return [replace(one, text=one.text.replace("--ca-bundle", _BUNDLE)) for one in found]

    @property
    def records(self) -> list[tuple[RecordView, SightingView | None]]:
        """The records that a person creates, and whether each is seen."""
        return record_views([one.record for one in self.found.awaited], self.found.awaited)

    @property
    def verdict(self) -> str:
        """What would come of it, in a sentence."""
        if self.found.has_problem:
            return "Issuing it would fail: see the problems below."
        if self.found.would_fail:
            return "Issuing it would stop: create the records below first."
        if self.found.deployment:
            return "Issuing it would work, its deployment would fail: see the problems below."
        if self.found.would_pause:
            return "Issuing it would pause for TXT records that you create, and then work."
        return "Issuing it would work, as far as can be known without the CA."

    @property
    def kind(self) -> str:
        """``good``, ``warn`` or "" for bad."""
        if self.found.has_problem:
            return ""
        return "warn" if self.found.would_fail or self.found.deployment else "good"
