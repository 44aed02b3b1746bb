"""Which record or file answers a challenge, and with which value: pure functions.

One module for each challenge type: :mod:`~zoneproof.challenges.dns01`,
:mod:`~zoneproof.challenges.http01`.
"""

from zoneproof.challenges.token import check_token, key_authorization

__all__ = ["check_token", "key_authorization"]
