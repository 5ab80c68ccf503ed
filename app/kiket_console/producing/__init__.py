"""Producer messages: whose credentials sign them, what goes over the wire, what came back and why.

Screen, command and engine stand on the same ones; nothing here knows an engine.
"""
