"""A hundred orders of twenty names, while Pebble refuses a fifth of all nonces."""

from __future__ import annotations

import asyncio

from tests.acme.pebble_client import obtain, registered
from zoneproof.testing.pebble import Pebble


async def test_a_hundred_orders_of_twenty_names_give_a_hundred_certificates(
    pebble: Pebble,
) -> None:
    async with registered(pebble, sleep=asyncio.sleep) as client:
        running = asyncio.Semaphore(10)

        async def one(number: int) -> int:
            async with running:
                names = [f"n{i}.order{number}.example.com" for i in range(20)]
                return (await obtain(client, *names)).leaf.serial_number

        serials = await asyncio.gather(*(one(number) for number in range(100)))
    assert len(set(serials)) == 100
