"""Messages between modules, which their orchestrator passes on."""
