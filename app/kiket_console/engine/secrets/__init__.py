"""Secrets, kept in the OS keyring or for this session: the vault, and what a person asks of it.

desk ─► vault ─┬─► index    names and times of each scope, in a file of ours
               └─► places ─► calls ─► the keyring, or memory
                      └─► chunks      values that are longer than it takes
"""
