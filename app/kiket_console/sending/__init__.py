"""What a person sends: drafts, their headers and payloads, templates with overrides, repeats.

Pure but for `keeping` (drafts on disk) and `repeating` (asyncio), so that the screen, the command
line and the engine mean the same.
"""
