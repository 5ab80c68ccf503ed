"""Cause and effect: what belongs together with an exchange, as a tree of bars; no I/O."""
