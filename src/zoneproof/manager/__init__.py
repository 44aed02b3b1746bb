"""Managed certificates: definition, state, accounts and files."""

from zoneproof.manager.accounts import AccountTerms
from zoneproof.manager.home import Home
from zoneproof.manager.issue import IssueRequest, Manager, Outcome, open_manager

__all__ = ["AccountTerms", "Home", "IssueRequest", "Manager", "Outcome", "open_manager"]
