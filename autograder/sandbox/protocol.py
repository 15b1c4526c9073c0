"""Turn what a sandbox sends into plain data: no pickle, no eval, no class by name.

A value travels as JSON; what JSON has not is an object with one key, such as {"tuple": [...]},
{"dict": [[key, value], ...]} or {"array": {"dtype": "<f8", "shape": [2, 3], "data": base64}}.
{"object": {"type": "module", "reason": ""}} stands for what cannot travel: a `Placeholder`.
"""

import dataclasses
import json
import re
from typing import Any

from autograder import outputs
from autograder.limits import Limits
from autograder.outputs import MESSAGE_CHARACTERS, NAME_CHARACTERS, Malformed, clean_text
from autograder.sandbox import program

FRAMES = 20


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
    most = 20 * (limits.result_items + outputs.OUTPUTS)
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


class _Decoder(program.Decoder):
    """The decoder of the other side, which leaves nothing out."""

    def _left_out(self, type_name: str, reason: str) -> Placeholder:
        return placeholder(type_name, reason)


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
    """Return the value that `content` (parsed JSON) stands for, or raise `Malformed`."""
    try:
        return _Decoder(dataclasses.asdict(limits)).decode(content)
    except (TypeError, ValueError) as error:  # a key that is a list, what is no base64, ...
        raise Malformed(str(error)) from error


def decode_error(content: Any) -> tuple[str, str, list[tuple[int, str]], str]:
    """Return type name, message, frames (line number, source line) and `undefined` of an error."""
    frames = []
    match content:
        case {"type": str(name), "message": str(message), "frames": list(found)}:
            for frame in found[-FRAMES:]:
                match frame:
                    case [int(number), str(line)]:
                        frames.append((min(max(number, 0), 10**6), clean_text(line, 200)))
                    case _:
                        raise Malformed("a frame that is no line number with a line")
            name = re.sub(r"\W", "", name, flags=re.ASCII)[:NAME_CHARACTERS] or "Exception"
            message = clean_text(message, MESSAGE_CHARACTERS)
            return name, message, frames, decode_name(content.get("undefined"))
    raise Malformed("no error")


def decode_name(content: Any) -> str:
    """Return a name of Python's, as a student's process says it; empty if it is none."""
    plain = type(content) is str and len(content) <= NAME_CHARACTERS and content.isidentifier()
    return content if plain else ""
