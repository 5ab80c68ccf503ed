"""The process that does the work: one per project folder, without a user interface."""
