"""Tests of the providers, and what they share: the contract suite, real and fake servers."""
