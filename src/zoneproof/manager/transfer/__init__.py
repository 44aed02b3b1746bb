"""A home in an encrypted archive, out of one machine and into another."""
