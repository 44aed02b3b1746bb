"""Several nodes of the challenge service: replica, lease, and what a node does that is cut off."""
