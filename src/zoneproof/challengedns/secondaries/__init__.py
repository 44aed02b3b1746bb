"""Secondary name servers that are not ours: zone transfers, NOTIFY, and the wait for them."""
