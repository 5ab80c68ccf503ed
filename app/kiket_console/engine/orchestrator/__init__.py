"""The engine's stand-in for Wattson: starts modules, speaks with them, routes between them."""
