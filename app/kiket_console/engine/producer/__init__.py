"""Producer messages in the engine: the sink that takes them, and the desk that sends them."""
