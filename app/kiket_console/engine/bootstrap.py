"""Run a developer's Python code as a worker: one standard-library file, run by path.

    python -I bootstrap.py FD

FD is a Unix stream socket to the engine; both sides send JSON, one message a line.

engine to worker: `start` once (what to import, where to listen, secrets), `drain` (finish what is
under way, then end). When the socket closes the engine is gone and the worker ends.

worker to engine: `found` (handlers, what the code configured), `ready` (listening), `failed` (why
not), `line` (a line of output or a log record, with the trace that it belongs to), `dropped`.

Nothing of the project can be imported before `start` has been read: `-I` keeps the working folder,
this file's folder and `PYTHON*` out of the path.
"""

from __future__ import annotations

import collections
import contextlib
import contextvars
import functools
import importlib
import importlib.machinery
import importlib.util
import inspect
import io
import json
import logging
import os
import signal
import site
import socket
import sys
import sysconfig
import threading
import time
import traceback

LINE_LIMIT = 64 * 1024
"""Characters of one line that are kept; the rest is counted."""
QUEUE_LIMIT_BYTES = 4 * 1024 * 1024
"""What may wait for a slow engine; lines beyond are dropped and counted."""
IMPORT_LIMIT_S = 60.0
DRAIN_LIMIT_S = 5
ORPHAN_LIMIT_S = 2.0
"""How long a worker may go on once the engine is gone."""
TRACEBACK_LINES = 200

_trace = contextvars.ContextVar("kiket_console_trace", default="")


class Channel:
    """The socket to the engine: lines go out at once, or wait in a bounded queue."""

    def __init__(self, connection):
        self._connection = connection
        self._lines = collections.deque()
        self._changed = threading.Condition()
        self._queued_bytes = 0
        self._dropped = 0
        self._is_sending = False
        self._is_open = True
        self.received = connection.makefile("rb")
        threading.Thread(target=self._drain_queue, name="kiket-channel", daemon=True).start()

    def send(self, message):
        """Send a message that must arrive."""
        self._put(json.dumps(message).encode() + b"\n", can_drop=False)

    def send_line(self, **line):
        """Send a line of output; False when this process is a fork without a channel."""
        if not self._is_open:
            return False
        line["type"] = "line"
        line["at_us"] = time.time_ns() // 1000
        line["trace_id"] = current_trace_id()
        self._put(json.dumps(line).encode() + b"\n", can_drop=True)
        return True

    def forget(self):
        """Leave the socket to the parent: this process is a fork."""
        self._is_open = False
        self._connection.close()
        self.received.close()

    def flush(self, limit_s):
        """Wait until everything is sent, at most *limit_s*."""
        with self._changed:
            self._changed.wait_for(lambda: not self._lines and not self._is_sending, limit_s)

    def _put(self, raw, *, can_drop):
        with self._changed:
            if not self._is_open:
                return
            if not self._lines and not self._is_sending:
                raw = raw[self._send_now(raw) :]
                if not raw:
                    return
            elif can_drop and self._queued_bytes + len(raw) > QUEUE_LIMIT_BYTES:
                self._dropped += 1
                return
            self._lines.append(raw)
            self._queued_bytes += len(raw)
            self._changed.notify_all()

    def _send_now(self, raw):
        """Send what the socket takes without waiting, so that a crash a moment later loses nothing."""
        try:
            return self._connection.send(raw, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        except OSError:
            return len(raw)  # the engine is gone; so are we, shortly

    def _drain_queue(self):
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines)
                raw = b"".join(self._lines)
                self._lines.clear()
                self._queued_bytes = 0
                self._is_sending = True
                dropped, self._dropped = self._dropped, 0
            if dropped:
                raw += json.dumps({"type": "dropped", "count": dropped}).encode() + b"\n"
            with contextlib.suppress(OSError):
                self._connection.sendall(raw)
            with self._changed:
                self._is_sending = False
                self._changed.notify_all()


class LineWriter(io.TextIOBase):
    """Stand in for `sys.stdout` or `sys.stderr`: each finished line is sent with its trace."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, channel, stream, descriptor):
        super().__init__()
        self._channel = channel
        self._stream = stream
        self._descriptor = descriptor
        self._lock = threading.RLock()
        self._partial = {}  # thread → what it has written since its last line end
        self.buffer = open(descriptor, "wb", buffering=0, closefd=False)  # noqa: SIM115, PTH123

    def writable(self):
        return True

    def isatty(self):
        return False

    def fileno(self):
        return self._descriptor

    def reconfigure(self, **options):
        """Accept what `TextIOWrapper` takes; lines are sent as soon as they end anyway."""

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        *ended, rest = text.split("\n")
        thread = threading.get_ident()
        with self._lock:
            for line in ended:
                self._send(*_joined(self._partial.pop(thread, None), line))
            if rest:
                kept, cut = _joined(self._partial.get(thread), rest)
                self._partial[thread] = (kept, cut)
        return len(text)

    def flush_partial(self):
        """Send what has no line end yet: the process is ending."""
        with self._lock:
            for kept, cut in self._partial.values():
                self._send(kept, cut)
            self._partial.clear()

    def start_in_fork(self):
        self._lock = threading.RLock()
        self._partial = {}

    def _send(self, text, cut):
        text = text.encode("utf-8", "backslashreplace").decode()
        if not self._channel.send_line(stream=self._stream, text=text, cut=cut):
            os.write(self._descriptor, text.encode() + b"\n")


def _joined(partial, piece):
    """Return (text, characters cut) of a line so far and its next piece."""
    kept, cut = partial or ("", 0)
    room = LINE_LIMIT - len(kept)
    return kept + piece[:room], cut + max(0, len(piece) - room)


def capture_logging(channel):
    """Send every log record as a record, whatever handlers the code sets up.

    The record is taken where loggers hand it to handlers, so `basicConfig` and `dictConfig` work
    as ever. What a handler would print of it on our standard streams is the same thing twice, and
    left out.
    """
    call_handlers = logging.Logger.callHandlers
    emit = logging.StreamHandler.emit
    formatter = logging.Formatter()

    def send_and_call(logger, record):
        with contextlib.suppress(Exception):  # a bad argument: `logging` reports it itself
            text = record.getMessage()
            if record.exc_info:
                text += "\n" + formatter.formatException(record.exc_info)
            if record.stack_info:
                text += "\n" + record.stack_info
            text = text.encode("utf-8", "backslashreplace").decode()
            record.kiket_sent = channel.send_line(
                stream="log",
                text=text[:LINE_LIMIT],
                cut=max(0, len(text) - LINE_LIMIT),
                level=record.levelname,
                logger=record.name,
            )
        call_handlers(logger, record)

    def emit_elsewhere(handler, record):
        if not (getattr(record, "kiket_sent", False) and isinstance(handler.stream, LineWriter)):
            emit(handler, record)

    logging.Logger.callHandlers = send_and_call
    logging.StreamHandler.emit = emit_elsewhere
    logging.getLogger().setLevel(logging.INFO)


def current_trace_id():
    """Return the trace of the running handler as 32 hex digits, or an empty text."""
    known = sys.modules.get("kiket_sdk._trace")
    if known is not None:
        with contextlib.suppress(Exception):
            found = known.current_trace_id()
            if found:
                return str(found)
    return _trace.get()


class Refused(BaseException):
    """The code did, while being imported, what a worker must not; no `except Exception` hides it."""


class FreshLoader(importlib.machinery.SourceFileLoader):
    """Import the developer's code from its source, never from bytecode.

    Python trusts a `.pyc` whose recorded second and size fit; two saves within a second can be
    that alike.
    """

    def get_code(self, fullname):
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def _fresh_path_hook():
    library = tuple(
        os.path.join(path, "")
        for path in (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))  # noqa: PTH118
    )
    installed = (os.sep + "site-packages", os.sep + "dist-packages")
    hook = importlib.machinery.FileFinder.path_hook(
        (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
        (FreshLoader, importlib.machinery.SOURCE_SUFFIXES),
    )

    def only_developed(path):
        whole = os.path.join(os.path.abspath(path), "")  # noqa: PTH100, PTH118
        if whole.startswith(library) or any(part in whole for part in installed):
            raise ImportError("installed code may be cached")
        return hook(path)

    return only_developed


class BundledFinder:
    """Offer a few packages from one folder, after everything the interpreter itself has."""

    def __init__(self, names, folder):
        self._names = frozenset(names)
        self._folder = folder

    def find_spec(self, name, path=None, target=None):
        if path is None and name in self._names:
            return importlib.machinery.PathFinder.find_spec(name, [self._folder])
        return None


def prepare_path(start):
    """Put the SDK within reach, import what comes before the project, then let the project in."""
    if sys.prefix == sys.base_prefix:  # `-I` leaves these out; plain `python main.py` has them
        for folder in (site.getusersitepackages(),):
            if os.path.isdir(folder):  # noqa: PTH112
                site.addsitedir(folder)
    has_sdk = importlib.util.find_spec("kiket_sdk") is not None
    sys.meta_path.append(BundledFinder(start["sdk_packages"], start["sdk_path"]))
    if not has_sdk and start["cache_tag"] == sys.implementation.cache_tag:
        sys.path.extend(path for path in start["site_packages"] if path not in sys.path)
    for name in start["preload"]:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    sys.path_hooks.insert(0, _fresh_path_hook())
    sys.path_importer_cache.clear()
    for folder in reversed(start["import_roots"]):
        sys.path.insert(0, folder)


def import_entry(start):
    """Import the entry and return its object.

    Raises:
        Refused: with a sentence, when the object is not there or the code starts a server.
    """
    module_name, _, attribute = start["entry"].partition(":")
    uvicorn = importlib.import_module("uvicorn")
    create = uvicorn.Server.__init__

    def refuse(*_, **__):
        raise Refused(
            "the file starts its own server while it is imported. "
            'Put that call under `if __name__ == "__main__":`.'
        )

    uvicorn.Server.__init__ = refuse
    try:
        module = importlib.import_module(module_name)
    finally:
        uvicorn.Server.__init__ = create
    found = module
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise Refused(_nothing_there(module, attribute, start))
    return found


def _nothing_there(module, attribute, start):
    where = _shown_path(getattr(module, "__file__", None) or module.__name__, start["folder"])
    public = [(name, value) for name, value in vars(module).items() if not name.startswith("_")]
    likely = [name for name, value in public if _is_sdk(value) or _is_asgi_instance(value)]
    if likely:
        return f"{where} has no `{attribute}`, but has `{'`, `'.join(likely[:5])}`."
    names = [name for name, value in public if not inspect.ismodule(value)]
    having = f"it defines {', '.join(names[:8])}" if names else "it defines nothing"
    return f"{where} has no `{attribute}`; {having}."


def _is_sdk(found):
    return all(hasattr(found, name) for name in ("registry", "config", "app"))


def _is_asgi_instance(found):
    return not inspect.isclass(found) and hasattr(found, "routes") and callable(found)


def app_of(found, start):
    """Return the ASGI app behind the entry's object."""
    app = found.app if _is_sdk(found) else found
    if not callable(app) or inspect.isclass(app):
        raise Refused(
            f"`{start['entry']}` is {type(found).__name__!r}: neither a KiketSDK nor an ASGI app."
        )
    return app


def describe(found, start):
    """Return the `found` message: what the engine wants to know of an imported extension."""
    message = {"type": "found", "pid": os.getpid(), "python": sys.version.split()[0]}
    if not _is_sdk(found):
        return message
    config = found.config
    secrets = [
        getattr(config, "webhook_secret", None),
        *(getattr(config, "previous_webhook_secrets", None) or ()),
    ]
    signing = sys.modules.get("kiket_sdk._signing")
    message.update(
        is_sdk=True,
        accepts=list(signing.DIALECTS) if signing else ["k0"],
        extension_id=_text(getattr(config, "extension_id", None)),
        extension_version=_text(getattr(config, "extension_version", None)),
        webhook_secrets=[_text(secret) for secret in secrets if secret],
        workspace_token=_text(getattr(config, "workspace_token", None)),
        handlers=_handlers(found.registry, start["folder"]),
    )
    return message


def _text(value):
    if value is None:
        return ""
    return str(value.reveal() if hasattr(value, "reveal") else value)


def _handlers(registry, folder):
    handlers = []
    for event, versions in registry.all().items():
        for version, entry in versions.items():
            function = getattr(entry, "handler", entry)
            function = function[0] if isinstance(function, tuple) else function
            code = _code_of(function)
            handlers.append(
                {
                    "event": str(event),
                    "version": str(version),
                    "file": _shown_path(code.co_filename, folder) if code else "",
                    "line": code.co_firstlineno if code else 0,
                }
            )
    return sorted(handlers, key=lambda handler: (handler["event"], handler["version"]))


def _code_of(function):
    while isinstance(function, functools.partial):
        function = function.func
    with contextlib.suppress(ValueError):  # wrappers in a circle
        function = inspect.unwrap(function)
    if not hasattr(function, "__code__"):
        function = getattr(type(function), "__call__", function)
    return getattr(function, "__code__", None)


def _shown_path(path, folder):
    inside = os.path.join(folder, "")  # noqa: PTH118
    return path[len(inside) :] if path.startswith(inside) else path


def _is_own(path, folder):
    return (
        not os.path.isabs(_shown_path(path, folder))
        and not path.startswith("<")
        and not any(  # noqa: PTH117
            part in path for part in (os.sep + "site-packages" + os.sep, os.sep + ".venv" + os.sep)
        )
    )


def failure(error, folder):
    """Return the `failed` message: one sentence with the developer's file and line."""
    frames = [
        (frame.filename, frame.lineno)
        for frame in traceback.extract_tb(error.__traceback__)
        if _is_own(frame.filename, folder)
    ]
    if isinstance(error, SyntaxError) and error.filename:
        frames.append((error.filename, error.lineno))
    file, line = frames[-1] if frames else ("", 0)
    file = _shown_path(file, folder)
    what = _what(error)
    return {
        "type": "failed",
        "sentence": f"{file}:{line}: {what}" if file else what,
        "file": file,
        "line": line or 0,
        "traceback": [] if isinstance(error, Refused) else _shown_traceback(error),
    }


def _what(error):
    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, SystemExit):
        return f"the file ends the program while it is imported: SystemExit({error.code!r})."
    text = str(error.msg if isinstance(error, SyntaxError) else error).partition("\n")[0]
    name = type(error).__name__
    return f"{name}: {text[:1000]}" if text else name


def _shown_traceback(error):
    shown = traceback.TracebackException.from_exception(error, compact=True)
    _drop_machinery(shown)
    lines = "".join(shown.format()).splitlines()
    if len(lines) > TRACEBACK_LINES:
        lines[TRACEBACK_LINES // 2 : -TRACEBACK_LINES // 2] = ["  …"]
    return [line[:1000] for line in lines]


def _drop_machinery(shown):
    while shown is not None:
        shown.stack = traceback.StackSummary.from_list(
            frame
            for frame in shown.stack
            if frame.filename != __file__
            and not frame.filename.startswith("<frozen importlib")
            and not frame.filename.endswith(os.path.join("importlib", "__init__.py"))  # noqa: PTH118
        )
        shown = shown.__cause__ or shown.__context__


def watch_import(channel, folder, done):
    """Report an import that does not end, with the line it stands at, and give up."""
    if done.wait(IMPORT_LIMIT_S):
        return
    frame = sys._current_frames().get(threading.main_thread().ident)  # noqa: SLF001
    own = [
        (entry.filename, entry.lineno)
        for entry in traceback.extract_stack(frame)
        if _is_own(entry.filename, folder)
    ]
    file, line = own[-1] if own else ("", 0)
    file = _shown_path(file, folder)
    where = f"{file}:{line}: " if file else ""
    channel.send(
        {
            "type": "failed",
            "sentence": f"{where}the import did not end within {IMPORT_LIMIT_S:.0f} s.",
            "file": file,
            "line": line,
            "traceback": traceback.format_stack(frame)[-20:],
        }
    )
    channel.flush(1)
    os._exit(1)


class TracedApp:
    """Note the trace of each request for its log lines, and why a lifespan failed."""

    def __init__(self, app):
        self._app = app
        self.startup_error = None

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"traceparent" and value.count(b"-") >= 3:
                    _trace.set(value.split(b"-")[1].decode("ascii", "replace"))
        try:
            await self._app(scope, receive, send)
        except BaseException as error:
            if scope["type"] == "lifespan":
                self.startup_error = error
            raise


def make_server(app, on_listening):
    """Return a uvicorn server, with our limits and deadlines where our guard is within reach."""
    uvicorn = importlib.import_module("uvicorn")

    class Worker(uvicorn.Server):
        async def startup(self, sockets=None):
            await super().startup(sockets=sockets)
            if self.started:
                on_listening()

    settings = {"lifespan": "auto", "timeout_graceful_shutdown": DRAIN_LIMIT_S}
    try:
        guard = importlib.import_module("kiket_core.guard")
        # The gateway has judged Host, Origin and sizes; what it forwards is not refused here.
        limits = guard.Limits(
            body_bytes=64 << 20, header_bytes=128 << 10, header_count=400, idle_s=75
        )
        config = guard.server_config(
            app, limits=limits, hosts=None, allow_cross_site=True, **settings
        )
    except (ImportError, AttributeError, TypeError):  # another uvicorn, or no httptools
        config = uvicorn.Config(
            app,
            interface="asgi3",
            log_config=None,
            access_log=False,
            ws="none",
            server_header=False,
            timeout_keep_alive=75,
            **settings,
        )
    return Worker(config)


def follow(channel, ending):
    """Obey the engine until it is gone."""
    with contextlib.suppress(OSError, ValueError):
        for raw in channel.received:
            if json.loads(raw).get("type") == "drain":
                ending()
    ending()
    time.sleep(ORPHAN_LIMIT_S)
    os._exit(0)


def main(descriptor):
    """Serve what the engine asks for until told to end; return the exit status."""
    connection = socket.socket(fileno=descriptor)
    connection.set_inheritable(False)
    channel = Channel(connection)
    start = json.loads(channel.received.readline() or b"{}")
    if not start:
        return 0
    listener = socket.socket(fileno=start["listen_fd"])
    listener.set_inheritable(False)
    listener.setblocking(False)
    servers = []

    def end():
        if not servers:
            os._exit(0)
        servers[0].should_exit = True

    threading.Thread(target=follow, args=(channel, end), name="kiket-engine", daemon=True).start()
    writers = [LineWriter(channel, name, number) for name, number in (("stdout", 1), ("stderr", 2))]
    sys.stdout, sys.stderr = writers
    sys.__stdout__, sys.__stderr__ = writers
    os.register_at_fork(
        after_in_child=lambda: [channel.forget(), *(writer.start_in_fork() for writer in writers)]
    )
    capture_logging(channel)
    folder = start["folder"]
    done = threading.Event()
    threading.Thread(target=watch_import, args=(channel, folder, done), daemon=True).start()
    status = 1
    try:
        os.environ.update(start["environment"])
        os.chdir(folder)
        sys.argv = [start["entry"].partition(":")[0]]
        prepare_path(start)
        found = import_entry(start)
        app = TracedApp(app_of(found, start))
        channel.send(describe(found, start))
        done.set()
        server = make_server(app, lambda: channel.send({"type": "ready"}))
        servers.append(server)
        signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn raises it once more at its end
        server.run(sockets=[listener])
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        status = 0 if server.started else 1
        if not server.started and app.startup_error is not None:
            channel.send(failure(app.startup_error, folder))
    except BaseException as error:  # noqa: BLE001  # whatever the code raises is what we report
        channel.send(failure(error, folder))
    for writer in writers:
        writer.flush_partial()
    channel.flush(ORPHAN_LIMIT_S)
    return status


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
