"""Nouns to lines of text with roles: pure functions, tested without a terminal."""
