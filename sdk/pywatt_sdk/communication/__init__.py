"""How modules and orchestrators talk: messages, channels, HTTP over them, ports."""
