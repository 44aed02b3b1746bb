"""Reading what other clients left on a machine."""
