"""Questions to the DNS: zone cuts, delegation chains, propagation. Read only."""
