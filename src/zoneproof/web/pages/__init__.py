"""The manager's pages: certificates, what they need, and how the home is set."""

from __future__ import annotations

from zoneproof.web.pages import (
    accounts,
    certificate,
    certificate_changes,
    certificates,
    credentials,
    new_certificate,
    overview,
    providers,
    run_pages,
    settings,
    tasks,
)
from zoneproof.web.visits import Page


def all_pages() -> list[Page]:
    """Return the pages."""
    return [
        *overview.pages(),
        *new_certificate.pages(),
        *certificates.pages(),
        *certificate.pages(),
        *certificate_changes.pages(),
        *tasks.pages(),
        *run_pages.pages(),
        *credentials.pages(),
        *accounts.pages(),
        *providers.pages(),
        *settings.pages(),
    ]
