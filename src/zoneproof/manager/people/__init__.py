"""Who may use a home's pages and API, and who did what."""

from __future__ import annotations

from zoneproof.manager.people.audit import Audit
from zoneproof.manager.people.passkeys import Passkeys
from zoneproof.manager.people.sessions import Sessions
from zoneproof.manager.people.tokens import Tokens
from zoneproof.manager.people.users import Users
from zoneproof.storage import Store


class People:
    """The stores of one home."""

    def __init__(self, store: Store) -> None:
        self.users = Users(store)
        self.sessions = Sessions(store)
        self.passkeys = Passkeys(store)
        self.tokens = Tokens(store)
        self.audit = Audit(store)
