"""Turn what a sandbox sends into plain data.

Whoever is at the other end may send anything, so everything is checked here: size, number of items,
depth, and that each value is one of a short list of types. Nothing that is received decides which
code runs here: no pickle, no eval, no class by name.

A value travels as JSON. None, bool, int, float, str and list are themselves; the rest is an object
with one key that names its kind::

    {"dict": [[key, value], ...]}       {"array": {"dtype": "<f8", "shape": [2, 3], "data": ...}}
    {"tuple": [value, ...]}             {"scalar": {"dtype": "<f8", "data": ...}}
    {"complex": [real, imaginary]}      {"set": [value, ...]}  {"frozenset": [value, ...]}
    {"object": {"type": "module", "reason": ""}}

The bytes of an array are little-endian, in C order, in base64. The last kind stands for every value
that cannot or should not travel: it arrives as a `Placeholder`. The encoder of the other side is in
``program.py``.
"""

import base64
import binascii
import contextlib
import dataclasses
import json
import math
import re
import struct
from typing import Any

import numpy as np

from autograder.limits import Limits
from autograder.sandbox import program

DTYPES = frozenset(
    ["|b1", "|i1", "|u1"]
    + [f"{order}{kind}{size}" for order in "<>" for kind in "iuf" for size in (2, 4, 8)]
    + ["<c8", "<c16", ">c8", ">c16"]
)
NAME_CHARACTERS = 60
MESSAGE_CHARACTERS = 2_000
FRAMES = 20
_OUTPUTS = 500  # entries kept of one cell
_TRACEBACK_LINES = 100
_PICTURE_PIXELS = 40_000_000
_INTEGER_BITS = 1_024
_DIMENSIONS = 32


_KEYS = type(None) | bool | int | float | complex | str


class Malformed(ValueError):
    """What the sandbox sent is not what the protocol allows."""


class Placeholder:
    """Stands for a value that was not sent; its class has the name of the value's type."""

    def __repr__(self) -> str:
        return f"<object of type {type(self).__name__}>"


def placeholder(type_name: str, reason: str = "") -> Placeholder:
    """Return one whose type is called, say, ``ndarray (too large)``."""
    name, reason = (
        re.sub(r"[^\w. ]", "", text, flags=re.ASCII)[:NAME_CHARACTERS]
        for text in (type_name, reason)
    )
    name = name.strip() or "object"
    return type(f"{name} ({reason})" if reason else name, (Placeholder,), {})()


def parse(message: bytes, limits: Limits) -> dict:
    """Return the JSON object in `message`, or raise `Malformed`.

    Small JSON can be large in memory: an empty list takes two bytes there and 56 here. So the
    items are counted in the text, strings left out, before any object is made of them.
    """
    # Each string has two quotes, of which a backslash can stand before the second one only.
    strings = message.count(b'"') - message.count(b'\\"')
    most = 20 * (limits.result_items + _OUTPUTS)
    if strings > most:
        raise Malformed("too many strings")
    # The last quote is optional so that each character is looked at once, whatever the message.
    bare = re.sub(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', b"", message, flags=re.DOTALL)
    items = bare.count(b",") + bare.count(b"[") + bare.count(b"{")
    if items > most:
        raise Malformed("too many items")
    try:
        content = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise Malformed("not JSON") from error
    if type(content) is not dict:
        raise Malformed("not a JSON object")
    return content


class _Decoder:
    def __init__(self, limits: Limits) -> None:
        self.items_left, self.bytes_left = limits.result_items, limits.result_bytes
        self.depth = limits.result_depth

    def decode(self, content: Any, depth: int = 0) -> Any:
        self.items_left -= 1
        if self.items_left < 0:
            raise Malformed("too many items")
        if depth > self.depth:
            raise Malformed("nested too deep")
        kind = type(content)
        if content is None or kind is bool or kind is float:
            return content
        if kind is int:
            if content.bit_length() > _INTEGER_BITS:
                raise Malformed("an integer of too many digits")
            return content
        if kind is str:
            self.take_bytes(len(content))
            return well_formed(content)
        if kind is list:
            return [self.decode(item, depth + 1) for item in content]
        if kind is dict and len(content) == 1:
            [(tag, body)] = content.items()
            if tag == "tuple" and type(body) is list:
                return tuple(self.decode(item, depth + 1) for item in body)
            if tag in ("set", "frozenset") and type(body) is list:
                return {"set": set, "frozenset": frozenset}[tag](
                    self.decode_key(item, depth + 1) for item in body
                )
            if tag == "complex" and type(body) is list and [*map(type, body)] == [float, float]:
                return complex(*body)
            if tag == "dict" and type(body) is list:
                return dict(self.decode_pair(pair, depth + 1) for pair in body)
            if tag == "array":
                return self.decode_array(_fields(body, dtype=str, shape=list, data=str))
            if tag == "scalar":
                return self.decode_array({**_fields(body, dtype=str, data=str), "shape": []})[()]
            if tag == "object":
                body = _fields(body, type=str, reason=str)
                return placeholder(body["type"], body["reason"])
        raise Malformed("a value of no known kind")

    def decode_pair(self, pair: Any, depth: int) -> tuple[Any, Any]:
        if type(pair) is not list or len(pair) != 2:
            raise Malformed("a dict item that is no pair")
        return self.decode_key(pair[0], depth), self.decode(pair[1], depth)

    def decode_key(self, content: Any, depth: int) -> Any:
        key = self.decode(content, depth)
        if not isinstance(key, _KEYS | np.generic | Placeholder):
            raise Malformed("a dict key or set item of a type that cannot travel")
        return key

    def decode_array(self, body: dict) -> np.ndarray:
        shape = body["shape"]
        if body["dtype"] not in DTYPES or len(shape) > _DIMENSIONS:
            raise Malformed("an array of a dtype or of dimensions that cannot travel")
        if not all(type(length) is int and 0 <= length < 2**31 for length in shape):
            raise Malformed("an array whose shape is not made of counts")
        data = _from_base64(body["data"])
        self.take_bytes(len(data))
        dtype = np.dtype(body["dtype"])
        if math.prod(shape) * dtype.itemsize != len(data):
            raise Malformed("an array whose bytes do not fit its shape")
        try:
            # A truth value may arrive as any byte; all but 0 become 1.
            stored = np.uint8 if dtype.kind == "b" else dtype
            return np.frombuffer(data, stored).reshape(shape).astype(dtype)
        except ValueError as error:
            raise Malformed("an array of impossible shape") from error

    def take_bytes(self, count: int) -> None:
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise Malformed("a value of too many bytes")


class _Encoder(program.Encoder):
    """The encoder of the other side, but it refuses what would not arrive as it is."""

    def _encode_container(self, value: object, base: type, depth: int) -> object:
        if type(value) is not base:
            self._leave_out(value)
        return super()._encode_container(value, base, depth)

    def _leave_out(self, value: object, reason: str = "") -> dict:
        raise TypeError(
            f"an argument of type {type(value).__name__} cannot be sent {reason}".strip()
        )


def encode(value: Any, limits: Limits) -> Any:
    """Return JSON for an argument of a student's function; TypeError if it cannot be sent."""
    return _Encoder(dataclasses.asdict(limits)).encode(value)


def decode(content: Any, limits: Limits) -> Any:
    """Return the value that `content` (parsed JSON) stands for.

    Returns
    -------
    value : None, bool, number, str, list, tuple, dict, set, numpy array or scalar, or Placeholder
        Arrays own their memory and can be written.

    Raises
    ------
    Malformed
        If `content` breaks the format or a limit.
    """
    return _Decoder(limits).decode(content)


def decode_name(content: Any) -> str:
    """Return a name of Python's, as a student's process says it; empty if it is none."""
    plain = type(content) is str and len(content) <= NAME_CHARACTERS and content.isidentifier()
    return content if plain else ""


def decode_error(content: Any) -> tuple[str, str, list[tuple[int, str]], str]:
    """Return what a `StudentError` is made of."""
    body = _fields(content, type=str, message=str, frames=list)
    frames = []
    for frame in body["frames"][-FRAMES:]:
        if type(frame) is not list or [type(part) for part in frame] != [int, str]:
            raise Malformed("a frame that is no line number with a line")
        frames.append((min(max(frame[0], 0), 10**6), clean_text(frame[1], 200)))
    name = re.sub(r"\W", "", body["type"], flags=re.ASCII)[:NAME_CHARACTERS] or "Exception"
    message = clean_text(body["message"], MESSAGE_CHARACTERS)
    return name, message, frames, decode_name(body.get("undefined"))


def decode_outputs(content: Any, limits: Limits) -> list[dict]:
    """Return the outputs of a cell as nbformat 4 defines them, cleaned and cut to the limits.

    Streams, errors, and results or displays as text and PNG are kept; all other data is dropped.
    """
    if type(content) is not list:
        raise Malformed("outputs that are no list")
    text = _Allowance(limits.output_bytes)
    picture_bytes_left = limits.image_bytes
    outputs = []
    for body in content[:_OUTPUTS]:
        if text.exhausted:
            break
        kind = body.get("output_type") if type(body) is dict else None
        if kind == "stream":
            body = _fields(body, output_type=str, name=str, text=str)
            name = "stderr" if body["name"] == "stderr" else "stdout"
            outputs.append({"output_type": kind, "name": name, "text": text.take(body["text"])})
        elif kind == "error":
            body = _fields(body, output_type=str, ename=str, evalue=str, traceback=list)
            lines = [line for line in body["traceback"] if type(line) is str]
            outputs.append(
                {
                    "output_type": kind,
                    "ename": clean_text(body["ename"], NAME_CHARACTERS),
                    "evalue": text.take(body["evalue"][:MESSAGE_CHARACTERS]),
                    "traceback": [text.take(line) for line in lines[-_TRACEBACK_LINES:]],
                }
            )
        elif kind in ("display_data", "execute_result"):
            data = {}
            if type(body.get("data")) is not dict:
                raise Malformed("a display without data")
            if type(body["data"].get("text/plain")) is str:
                data["text/plain"] = text.take(body["data"]["text/plain"])
            if type(body["data"].get("image/png")) is str:
                picture = _picture(body["data"]["image/png"])
                picture_bytes_left -= len(picture)
                if picture_bytes_left >= 0 and 0 < pixels(picture) <= _PICTURE_PIXELS:
                    data["image/png"] = base64.b64encode(picture).decode()
            if not data:
                continue
            output = {"output_type": kind, "data": data, "metadata": {}}
            if kind == "execute_result":
                count = body.get("execution_count")
                known = type(count) is int and 0 < count < 10**6
                output["execution_count"] = count if known else None
            outputs.append(output)
        else:
            raise Malformed("an output of no known kind")
    if len(content) > _OUTPUTS:
        note = f"... output cut off after {_OUTPUTS} pieces ...\n"
        outputs.append({"output_type": "stream", "name": "stderr", "text": note})
    return outputs


class _Allowance:
    """Text that may still be kept; says once where it was cut."""

    def __init__(self, size: int) -> None:
        self.size = self.left = size
        self.exhausted = False

    def take(self, text: str) -> str:
        if self.exhausted:
            return ""
        # An honest sender has cut the text as well, so cleaning need not look at the rest.
        encoded = clean_text(text[: self.size + 1]).encode()
        self.left -= len(encoded)
        if self.left >= 0:
            return encoded.decode()
        self.exhausted = True
        kept = encoded[: self.left].decode(errors="ignore")
        return f"{kept}\n... output cut off after {self.size} bytes ...\n"


_NOT_TEXT = re.compile(
    r"(\x1b\[[0-9;]{0,40}m)"  # colors stay
    r"|\x1b\[[0-?]*[ -/]*[@-~]?"  # other control sequences go,
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles and links too,
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"  # and so do all control characters but tab and newline,
    r"|[\u2028\u2029\u202a-\u202e\u2066-\u2069]"  # and those that reorder what follows
)


def clean_text(text: str, length: int | None = None) -> str:
    """Return `text` as a terminal would show it, colors kept, at most `length` characters long."""
    if length is not None and len(text) > length:
        text = text[: length - 1] + "\N{HORIZONTAL ELLIPSIS}"
    if "\r" in text:  # a progress bar: each return starts its line anew
        lines = text.replace("\r\n", "\n").split("\n")
        text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)
    return well_formed(_NOT_TEXT.sub(lambda found: found[1] or "", text))


def well_formed(text: str) -> str:
    """Return `text` with lone surrogates, which no file can hold, replaced by question marks."""
    return text.encode(errors="replace").decode()


def _fields(content: Any, **types: type) -> dict:
    if type(content) is not dict:
        raise Malformed("a value where an object was expected")
    for name, kind in types.items():
        if type(content.get(name)) is not kind:
            raise Malformed(f"an object without {name}")
    return content


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("data that is not base64") from error


def _picture(text: str) -> bytes:
    """A picture in base64 with or without line ends; empty, and so none, where it is not that."""
    with contextlib.suppress(Malformed):
        return _from_base64("".join(text.split()))
    return b""


def pixels(data: bytes) -> int:
    """Width times height of a PNG picture, from its first 24 bytes; 0 if it is none."""
    if len(data) < 24 or data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR":
        return 0
    width, height = struct.unpack(">II", data[16:24])
    return width * height
