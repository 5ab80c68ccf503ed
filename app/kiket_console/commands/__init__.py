"""One module for each group of commands; each command imports its world inside its function."""
