"""Rules for manifests and module schemas: what is wrong, where, and what would correct it."""
