"""Endurance runs of the challenge service: each ends by itself, and fails at the first fault."""
