"""Recorded exchanges in other programs' forms: commands, archives, reports and tests. Pure."""
