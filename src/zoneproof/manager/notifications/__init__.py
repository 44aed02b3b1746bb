"""Tells people what happens to their certificates, by e-mail and webhook."""
