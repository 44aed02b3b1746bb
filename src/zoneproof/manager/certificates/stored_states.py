"""Changes what is remembered of each certificate."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from zoneproof.challenges.records import is_txt
from zoneproof.manager.certificates.renewal_state import RenewalState, without_failures
from zoneproof.manager.certificates.state import CertificateState
from zoneproof.manager.certificates.store import Certificates
from zoneproof.manager.notifications.notice import Notified


class States:
    """The stored states. Every method raises StorageError."""

    def __init__(self, certificates: Certificates) -> None:
        self._certificates = certificates

    async def set_renewal(self, name: str, renewal: RenewalState) -> None:
        """Replace what is remembered of the certificate's renewal."""
        await self._replace(name, renewal=renewal)

    async def set_outcome(self, name: str, renewal: RenewalState) -> None:
        """Replace it after an attempt, which no longer waits for anybody."""
        await self._replace(name, renewal=renewal, awaiting=())

    async def set_awaiting(
        self, name: str, records: tuple[str, ...], circumstances: str = ""
    ) -> bool:
        """Remember which records a person has to create; tells whether that is new.

        An attempt that came so far has not failed, so older failures are over.
        """

        def wait(state: CertificateState) -> CertificateState:
            renewal = replace(without_failures(state.renewal), circumstances=circumstances)
            return replace(state, renewal=renewal, awaiting=records)

        before, after = await self._certificates.change_state(name, CertificateState, wait)
        return before.awaiting != after.awaiting

    async def set_change_awaiting(self, name: str, records: tuple[str, ...]) -> bool:
        """Do for the change that is pending what :meth:`set_awaiting` does."""

        def wait(state: CertificateState) -> CertificateState:
            return replace(state, change_awaiting=records)

        before, after = await self._certificates.change_state(name, CertificateState, wait)
        return before.change_awaiting != after.change_awaiting

    async def set_no_cname_awaited(self, name: str) -> None:
        """No longer await CNAMEs, because all were seen; TXT records are still awaited."""
        await self._certificates.change_state(
            name,
            CertificateState,
            lambda state: replace(state, awaiting=tuple(filter(is_txt, state.awaiting))),
        )

    async def set_usual_access(self, name: str, access: tuple[str, str]) -> None:
        """Remember to which group and mode of settings.toml the files were brought."""
        await self._replace(name, usual_access=access)

    async def note_told(
        self, name: str, judge: Callable[[Notified], tuple[bool, Notified]]
    ) -> bool:
        """Keep what ``judge`` makes of what was told before; return what it decides."""
        before, _ = await self._certificates.change_state(
            name,
            CertificateState,
            lambda state: replace(state, told=judge(state.told)[1]),
        )
        return judge(before.told)[0]

    async def _replace(self, name: str, **fields: object) -> None:
        await self._certificates.change_state(
            name, CertificateState, lambda state: replace(state, **fields)
        )
