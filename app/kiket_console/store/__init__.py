"""The SQLite file of one project: what was exchanged, tried and logged.

engine ──► writer (the one connection that writes)     console, commands ──► reader (read-only)
"""
