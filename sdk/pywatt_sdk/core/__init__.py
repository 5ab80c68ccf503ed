"""The nouns that every module uses: its state, its settings, errors, logs."""
