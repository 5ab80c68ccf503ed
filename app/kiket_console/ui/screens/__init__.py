"""Places and dialogs."""
