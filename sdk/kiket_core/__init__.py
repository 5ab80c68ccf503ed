"""What the SDKs and the console share: secrets, environment, frames and a guarded HTTP front.

Importing this package imports nothing; take the module that you need:

* `kiket_core.secret`: values that do not print, and the registry that redacts them.
* `kiket_core.env`: settings read from the environment, typed.
* `kiket_core.frames`: newline and length-prefixed frames, without I/O.
* `kiket_core.guard`: uvicorn with limits and deadlines (imports uvicorn).
"""
