"""From other ACME clients, and from one home to another."""
