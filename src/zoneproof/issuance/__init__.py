"""One order from identifiers to chain: plan, publish, wait, answer, finalise, clean up."""
