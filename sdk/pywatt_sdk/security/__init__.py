"""Secrets of modules, and who may call them."""
