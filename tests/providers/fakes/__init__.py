"""Fakes of providers' APIs, each with the sources that it was made from."""
