"""What a module offers, and how it is found: its routes, its servers, its registration."""
