"""The engine's stand-in for the Kiket platform: its HTTP API, and the sender of webhooks."""
