"""Register the `kiket_…` fixtures with pytest."""
