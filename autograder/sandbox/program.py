"""What serves a student inside the sandbox: runs cells and calls functions.

Nothing else of this package exists in there but `first_program.py`, which starts it. A message is a
line of JSON: settings first, then requests, each with exactly one answer. From the first cell on,
everything here belongs to the student; what protects the grader is kept by others.
"""

import base64
import builtins
import contextlib
import ctypes
import functools
import importlib
import io
import json
import linecache
import math
import os
import signal
import socket
import sys
import time
from collections.abc import Iterable
from traceback import walk_tb

SCRATCH, STAGING = "/tmp", "/run/staging"
MEMORY_FOLDERS = (SCRATCH, "/dev/shm")
"""Folders that are file systems in memory; a fork makes them in the staging folder."""
HOME, WORK = f"{SCRATCH}/home", f"{SCRATCH}/work"
MATPLOTLIB = f"{HOME}/matplotlib"
STUDENT_SCORE = 1000  # oom_score_adj: nobody can have more, and no student can have less
_CELL_FILE = "<ipython-input-"  # how IPython calls the file of a cell
_PR_SET_THP_DISABLE = 41
_STREAMS = {"stdout": 1, "stderr": 2}
_DTYPES = {"|b1", "|i1", "|u1", "<c8", "<c16", ">c8", ">c16"} | {
    f"{order}{kind}{size}" for order in "<>" for kind in "iuf" for size in (2, 4, 8)
}
_DIMENSIONS, _INTEGER_BITS = 32, 1_024
_OUTPUTS = 501  # one more than the grader keeps, so that it sees that something is missing
_ERROR_LINES, _LINE_CHARACTERS = 100, 2_000
_NAMES, _NAME_CHARACTERS = 10_000, 100  # of functions


class Channel:
    """Messages over a stream socket."""

    def __init__(self, connection: socket.socket) -> None:
        connection.set_inheritable(False)
        self._file = connection.makefile("rwb")
        self._owner = os.getpid()

    def receive(self) -> dict:
        if not (line := self._file.readline()):
            raise EOFError("the other side is gone")
        return json.loads(line)

    def send(self, message: dict) -> None:
        if os.getpid() != self._owner:
            os._exit(0)  # a copy that student code made by os.fork must not answer as well
        data = json.dumps(message, ensure_ascii=False).encode(errors="replace")
        self._file.write(data + b"\n")
        self._file.flush()


def limit_resources(limits: dict) -> None:
    """Set the limits that the kernel keeps for each process, for good."""
    import resource  # not at the top: our side uses the encoder below, also on Windows

    # A huge page of which most has been given back stays whole, and is not counted.
    ctypes.CDLL(None).prctl(_PR_SET_THP_DISABLE, 1, 0, 0, 0)
    values = {
        resource.RLIMIT_AS: limits["memory_bytes"],
        resource.RLIMIT_FSIZE: limits["file_bytes"],
        resource.RLIMIT_CPU: int(limits["total_seconds"]) + 1,
        resource.RLIMIT_NOFILE: limits["descriptors"],
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: 64,
        resource.RLIMIT_NPROC: limits["processes"],
    }
    for kind, value in values.items():
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


class OutputRecorder:
    """The outputs of one cell, in order, cut to size; it needs `open` before it can be used."""

    def open(self, limits: dict, folder: str) -> None:
        """Let descriptors 1 and 2 lead to files, which need no thread that empties them."""
        self._limits = limits
        self._files = {}
        for name, descriptor in _STREAMS.items():
            path = os.path.join(folder, name)
            self._files[name] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
            os.unlink(path)
            os.dup2(self._files[name], descriptor)
        self.start()

    def start(self) -> None:
        """Begin a new cell."""
        for descriptor in self._files.values():
            os.ftruncate(descriptor, 0)
        self.clear()

    def clear(self) -> None:
        """Forget all outputs so far."""
        self._seen = {name: os.fstat(file).st_size for name, file in self._files.items()}
        self._outputs: list[dict] = []
        self._text_left = self._limits["output_bytes"]
        self._pictures_left = self._limits["image_bytes"]

    def collect(self) -> None:
        """Record what arrived in the files."""
        for name, descriptor in self._files.items():
            size = os.fstat(descriptor).st_size
            if size > self._seen[name]:
                wanted = min(size - self._seen[name], max(self._text_left, 0) + 4)
                text = os.pread(descriptor, wanted, self._seen[name]).decode(errors="replace")
                self._seen[name] = size
                self.append(name, text)

    def add(self, output_type: str, **content: object) -> None:
        """Record a display, a result or an error."""
        self.collect()
        if len(self._outputs) < _OUTPUTS:
            self._outputs.append({"output_type": output_type, **content})

    def add_data(self, output_type: str, data: dict, **output: object) -> None:
        """Record a display or a result, as text and PNG."""
        text, picture = data.get("text/plain"), data.get("image/png")
        kept = {}
        if isinstance(text, str) and (text := self._cut(text)):
            kept["text/plain"] = text
        if isinstance(picture, bytes):
            picture = base64.b64encode(picture).decode()
        if isinstance(picture, str):
            self._pictures_left -= len(picture) * 3 // 4
            if self._pictures_left >= 0:
                kept["image/png"] = picture
        if kept:
            self.add(output_type, data=kept, metadata={}, **output)

    def _cut(self, text: str) -> str:
        # One character too many is kept: from it the grader sees that something was cut off.
        text = text[: max(self._text_left + 1, 0)]
        self._text_left -= len(text)
        return text

    def append(self, name: str, text: str) -> None:
        text = self._cut(text)
        last = self._outputs[-1] if self._outputs else {}
        if text and last.get("name") == name:
            last["parts"].append(text)
        elif text and len(self._outputs) < _OUTPUTS:
            self._outputs.append({"output_type": "stream", "name": name, "parts": [text]})

    def finish(self) -> list[dict]:
        """Return the outputs as nbformat 4 defines them."""
        self.collect()
        for output in self._outputs:
            if "parts" in output:
                output["text"] = "".join(output.pop("parts"))
        return self._outputs


class Stream(io.TextIOBase):
    """``sys.stdout`` or ``sys.stderr`` of the student."""

    encoding, errors = "utf-8", "replace"

    def __init__(self, name: str, recorder: OutputRecorder) -> None:
        self.name, self._recorder = name, recorder
        self.buffer = io.FileIO(_STREAMS[name], "wb", closefd=False)
        self.fileno = self.buffer.fileno

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._recorder.collect()
        self._recorder.append(self.name, text)  # there may be no space in a file
        return len(text)


def refuse_input(prompt: object = "") -> str:
    raise RuntimeError("input() does not work here: nobody is there to type an answer")


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:
        return "(an error whose message cannot be shown)"


def make_shell(recorder: OutputRecorder):
    """Return an IPython shell whose outputs go to `recorder`."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    config.IPCompleter.use_jedi = False
    # IPython would ask who the real user is.
    shell = InteractiveShell.instance(config=config, ipython_dir=HOME, colors="neutral")
    shell.display_formatter.active_types = ["text/plain", "image/png"]
    hook = shell.displayhook

    def show_result(data: dict, *_: object) -> None:
        recorder.add_data("execute_result", data, execution_count=hook.prompt_count)

    def show_error(kind: type, error: BaseException, lines: list[str]) -> None:
        text = _text_of(error)[:_LINE_CHARACTERS]
        lines = "\n".join(lines).split("\n")[-_ERROR_LINES:]
        lines = [line[:_LINE_CHARACTERS] for line in lines]
        recorder.add("error", ename=kind.__name__, evalue=text, traceback=lines)

    def leave() -> None:
        raise SystemExit

    hook.write_output_prompt = hook.finish_displayhook = lambda: None
    hook.write_format_data = show_result
    shell.display_pub.publish = lambda data, *_, **__: recorder.add_data("display_data", data)
    shell.display_pub.clear_output = lambda wait=False: recorder.clear()
    shell._showtraceback, shell.ask_exit = show_error, leave
    shell.enable_gui = lambda gui=None: None
    shell.system = shell.system_raw  # the other way takes a terminal, and there is none
    return shell


class Encoder:
    """Turn a value into JSON, see ``protocol.py``; no method of a student's class has a say."""

    def __init__(self, limits: dict) -> None:
        self._items_left, self._bytes_left = limits["result_items"] - 1, limits["result_bytes"]
        self._depth = limits["result_depth"]
        self._open: set[int] = set()

    def encode(self, value: object, depth: int = 0) -> object:
        """Return `value` as JSON; its place among the items is already taken."""
        kind = type(value)
        if issubclass(kind, str):
            value = str.__str__(value)  # such as numpy.str_
            return value if self._take(len(value)) else self._leave_out(value, "too large")
        if kind is int and value.bit_length() > _INTEGER_BITS:
            return self._leave_out(value, "too large")
        if value is None or kind in (bool, int, float):
            return value
        if kind is complex:
            return {"complex": [value.real, value.imag]}
        for base in (list, tuple, dict, set, frozenset):
            if issubclass(kind, base):
                return self._encode_container(value, base, depth)
        numpy = sys.modules.get("numpy")
        if numpy is not None and (kind is numpy.ndarray or issubclass(kind, numpy.generic)):
            return self._encode_array(numpy, value)
        return self._leave_out(value)

    def _encode_container(self, value: object, base: type, depth: int) -> object:
        length = base.__len__(value) * (2 if base is dict else 1)
        if id(value) in self._open or depth >= self._depth or length > self._items_left:
            deep = "contains itself" if id(value) in self._open else "nested too deep"
            return self._leave_out(value, "too large" if length > self._items_left else deep)
        self._items_left -= length
        self._open.add(id(value))
        inner = functools.partial(self.encode, depth=depth + 1)
        if base is dict:
            items = [[inner(key), inner(one)] for key, one in list(dict.items(value))]
        else:
            items = [inner(one) for one in list(base.__iter__(value))]
        self._open.discard(id(value))
        return items if base is list else {base.__name__: items}

    def _encode_array(self, numpy, value) -> object:
        dtype = value.dtype
        if dtype.kind not in "biufc" or dtype.itemsize > (16 if dtype.kind == "c" else 8):
            return self._leave_out(value, f"of {dtype.name}")
        if not self._take(value.nbytes):
            return self._leave_out(value, "too large")
        data = numpy.asarray(value).astype(dtype, order="C").tobytes()
        body = {"dtype": dtype.str, "data": base64.b64encode(data).decode()}
        if isinstance(value, numpy.generic):
            return {"scalar": body}
        return {"array": {**body, "shape": list(value.shape)}}

    def _take(self, size: int) -> bool:
        fits = size <= self._bytes_left
        self._bytes_left -= size if fits else 0
        return fits

    def _leave_out(self, value: object, reason: str = "") -> dict:
        return {"object": {"type": type(value).__name__, "reason": reason}}


def describe_error(error: BaseException) -> dict:
    """Return type, message and, innermost last, the lines of the student's cells."""
    places = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    places = [(file, line) for file, line in places if file.startswith(_CELL_FILE)][-20:]
    frames = [[line, linecache.getline(file, line).strip()[:200]] for file, line in places]
    return {
        "type": type(error).__name__,
        "message": _text_of(error)[:4_000],
        "frames": frames,
        "undefined": undefined_name(error),
    }


class Interrupted(BaseException):
    """A cell took longer than it may; its process goes on."""


@contextlib.contextmanager
def interruption(seconds: float):
    """Interrupt what runs after some seconds, if they are not 0."""

    def interrupt(*_: object) -> None:
        raise Interrupted(f"your own cells have {seconds:.2g} s left, and this one takes longer")

    if not seconds:
        yield
        return
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def small_limits(cpu_seconds: int, memory_bytes: int):
    """Let this process use only so much on top of what it has used."""
    import resource

    with open("/proc/self/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    limits = {
        resource.RLIMIT_AS: size + memory_bytes,
        resource.RLIMIT_CPU: int(time.process_time()) + 1 + cpu_seconds,
    }
    before = {kind: resource.getrlimit(kind) for kind in limits}
    for kind, (soft, hard) in before.items():
        resource.setrlimit(kind, (min(limits[kind], soft), hard))
    try:
        yield
    finally:
        for kind, both in before.items():
            resource.setrlimit(kind, both)


def undefined_name(error: BaseException | None) -> str:
    """The name that a NameError is about; empty for any other error."""
    name = error.name if isinstance(error, NameError) else None
    return name if isinstance(name, str) else ""


class Decoder:
    """Turn JSON back into a value; ValueError or TypeError if it breaks the format or a limit."""

    def __init__(self, limits: dict) -> None:
        self._items_left, self._bytes_left = limits["result_items"], limits["result_bytes"]
        self._depth = limits["result_depth"]

    def decode(self, content: object, depth: int = 0) -> object:
        self._items_left -= 1
        if self._items_left < 0 or depth > self._depth:
            raise ValueError("too many items, or nested too deep")
        if type(content) is dict and len(content) != 1:
            raise ValueError("a value of several kinds")
        inner = functools.partial(self.decode, depth=depth + 1)
        match content:
            case None | bool() | float():
                return content
            case int() if content.bit_length() <= _INTEGER_BITS:
                return content
            case str():
                self._take(len(content))
                return content.encode(errors="replace").decode()  # without lone surrogates
            case list():
                return [inner(item) for item in content]
            case {"tuple": list(items)}:
                return tuple(map(inner, items))
            case {"set": list(items)}:
                return set(map(inner, items))
            case {"frozenset": list(items)}:
                return frozenset(map(inner, items))
            case {"dict": list(items)}:
                return {inner(key): inner(value) for key, value in items}
            case {"complex": [float(real), float(imaginary)]}:
                return complex(real, imaginary)
            case {"array": {"dtype": str(dtype), "shape": list(shape), "data": str(data)}}:
                return self._decode_array(dtype, shape, data)
            case {"scalar": {"dtype": str(dtype), "data": str(data)}}:
                return self._decode_array(dtype, [], data)[()]
            case {"object": {"type": str(name), "reason": str(reason)}}:
                return self._left_out(name, reason)
        raise ValueError("a value of no known kind")

    def _decode_array(self, name: str, shape: list, text: str) -> object:
        import numpy

        if name not in _DTYPES or len(shape) > _DIMENSIONS:
            raise ValueError("an array of a dtype or of dimensions that cannot travel")
        if not all(type(length) is int and 0 <= length < 2**31 for length in shape):
            raise ValueError("an array whose shape is not made of counts")
        data, dtype = base64.b64decode(text, validate=True), numpy.dtype(name)
        self._take(len(data))
        if math.prod(shape) * dtype.itemsize != len(data):
            raise ValueError("an array whose bytes do not fit its shape")
        # A truth value may arrive as any byte; all but 0 become 1.
        stored = numpy.uint8 if dtype.kind == "b" else dtype
        return numpy.frombuffer(data, stored).reshape(shape).astype(dtype)

    def _take(self, count: int) -> None:
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise ValueError("a value of too many bytes")

    def _left_out(self, type_name: str, reason: str) -> object:
        raise ValueError(f"a value of type {type_name}")


class Server:
    """Answers requests; each method without an underscore is one kind of request."""

    def __init__(self, shell, recorder: OutputRecorder, reader: dict, limits: dict) -> None:
        self._shell = shell
        self._recorder = recorder
        self._reader = reader
        self._limits = limits

    def run(self, source: str, interrupt_after: float) -> dict:
        """Run a cell; it is interrupted after some seconds if they are not 0."""
        self._recorder.start()
        error, failed = None, True
        try:
            with interruption(interrupt_after):
                result = self._shell.run_cell(source, store_history=True)
            error, failed = result.error_in_exec, not result.success
        except Interrupted as late:  # outside of the student's own code
            self._recorder.add(
                "error", ename="Interrupted", evalue=str(late), traceback=[str(late)]
            )
        outputs, name = self._recorder.finish(), undefined_name(error)
        return {"outputs": outputs, "failed": failed, "undefined": name}

    def read(self, cells: list, limits: dict) -> dict:
        """Read what was handed in, see ``grading/reading_program.py``; before any cell runs."""
        with small_limits(**limits):
            try:
                return self._reader["read"](cells)
            except BaseException as error:
                return {"failed": type(error).__name__}

    def call(self, function: str, arguments: list, keywords: dict, seed: int | None) -> dict:
        """Call a function of the student; before that, let generators of random numbers start."""
        self._recorder.start()
        arguments = [Decoder(self._limits).decode(value) for value in arguments]
        keywords = {name: Decoder(self._limits).decode(keywords[name]) for name in keywords}
        try:
            with self._shell.builtin_trap:
                for name in ("random", "numpy.random") if seed is not None else ():
                    if name in sys.modules:
                        sys.modules[name].seed(seed)
                if function not in self._shell.user_ns:
                    raise NameError(f"name '{function}' is not defined")
                value = self._shell.user_ns[function](*arguments, **keywords)
        except BaseException as error:
            return {"error": describe_error(error)}
        return {
            "arguments": Encoder(self._limits).encode(arguments),
            "value": Encoder(self._limits).encode(value),
            "outputs": self._recorder.finish(),
        }

    def functions(self) -> dict:
        """Name what can be called."""
        names = self._shell.user_ns.items()
        found = [name for name, one in names if type(name) is str and callable(one)]
        return {"answer": [name for name in found if len(name) <= _NAME_CHARACTERS][:_NAMES]}


def make_home() -> None:
    """Make the folder in which programs keep their settings."""
    os.environ["HOME"] = os.environ["IPYTHONDIR"] = HOME
    os.environ["MPLCONFIGDIR"] = MATPLOTLIB
    os.makedirs(MATPLOTLIB, exist_ok=True)
    os.chmod(MATPLOTLIB, 0o777)  # Matplotlib asks for the right of the real user, who may be root


def write_files(files: dict[str, str], folder: str = WORK) -> None:
    """Write files, which travel in base64."""
    for name, content in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(content))


def import_modules(names: Iterable[str]) -> None:
    """Import what submissions need, before any file of theirs can take its place."""
    for name in names:
        with contextlib.suppress(Exception):  # then the student's own import says what is wrong
            importlib.import_module(name)


def start(settings: dict, recorder: OutputRecorder, shell, files: dict[str, str]) -> None:
    """Make everything ready for the first cell; a fork has to make its folders first."""
    limit_resources(settings["limits"])
    os.makedirs(WORK, exist_ok=True)
    os.environ["PWD"] = WORK
    make_home()
    import_modules(settings["modules"])
    write_files({**files, **settings["files"]})
    os.chdir(WORK)
    recorder.open(settings["limits"], HOME)
    os.makedirs(shell.profile_dir.location, exist_ok=True)
    shell.profile_dir.check_dirs()
    # Only now, so that no file beside the notebook takes the place of a module needed above.
    sys.path.insert(0, WORK)
    sys.path_importer_cache.pop(WORK, None)  # what stood there while the rules were loaded
    builtins.input = refuse_input
    sys.stdout, sys.stderr = Stream("stdout", recorder), Stream("stderr", recorder)


def as_base64(files: dict[str, bytes]) -> dict[str, str]:
    """Files as they travel."""
    return {name: base64.b64encode(content).decode() for name, content in files.items()}


def serve(channel: Channel, recorder: OutputRecorder, shell, reader: dict, files: dict) -> None:
    """Serve requests until the grader ends this process."""
    settings = channel.receive()
    try:
        start(settings, recorder, shell, files)
    except Exception as error:
        channel.send({"failed": f"{type(error).__name__}: {error}"})
        return
    server = Server(shell, recorder, reader, settings["limits"])
    channel.send({"id": 0})
    while True:
        try:
            request = channel.receive()
        except EOFError:
            os._exit(0)  # the grader is gone
        number, method = request.pop("id"), request.pop("do")
        channel.send({**getattr(server, method)(**request), "id": number})
