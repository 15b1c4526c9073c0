"""Clean the outputs of a cell: what student code shows, whoever wrote the message."""

import base64
import re
import struct
from typing import Any

from autograder.limits import Limits

NAME_CHARACTERS = 60
MESSAGE_CHARACTERS = 2_000
OUTPUTS = 500  # entries kept of one cell
_TRACEBACK_LINES = 100
_PICTURE_PIXELS = 40_000_000


class Malformed(ValueError):
    """What the sandbox sent is not what the protocol allows."""


def decode_outputs(content: Any, limits: Limits) -> list[dict]:
    """Return the outputs of a cell as nbformat 4 defines them: cleaned, text and PNG alone."""
    if type(content) is not list:
        raise Malformed("outputs that are no list")
    text = _Allowance(limits.output_bytes)
    picture_bytes_left = limits.image_bytes
    outputs = []
    for body in content[:OUTPUTS]:
        if text.exhausted:
            break
        match body:
            case {"output_type": "stream", "name": str(name), "text": str(words)}:
                name = "stderr" if name == "stderr" else "stdout"
                outputs.append({"output_type": "stream", "name": name, "text": text.take(words)})
            case {
                "output_type": "error",
                "ename": str(name),
                "evalue": str(value),
                "traceback": list(lines),
            }:
                lines = [line for line in lines if type(line) is str]
                outputs.append(
                    {
                        "output_type": "error",
                        "ename": clean_text(name, NAME_CHARACTERS),
                        "evalue": text.take(value[:MESSAGE_CHARACTERS]),
                        "traceback": [text.take(line) for line in lines[-_TRACEBACK_LINES:]],
                    }
                )
            case {"output_type": "display_data" | "execute_result" as kind, "data": dict(data)}:
                kept = {}
                if type(data.get("text/plain")) is str:
                    kept["text/plain"] = text.take(data["text/plain"])
                picture = decoded(data.get("image/png"))
                picture_bytes_left -= len(picture)
                if picture_bytes_left >= 0 and 0 < pixels(picture) <= _PICTURE_PIXELS:
                    kept["image/png"] = base64.b64encode(picture).decode()
                output = {"output_type": kind, "data": kept, "metadata": {}}
                if kind == "execute_result":
                    count = body.get("execution_count")
                    known = type(count) is int and 0 < count < 10**6
                    output["execution_count"] = count if known else None
                outputs += [output] if kept else []
            case _:
                raise Malformed("an output of no known kind")
    if len(content) > OUTPUTS:
        note = f"... output cut off after {OUTPUTS} pieces ...\n"
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
    text = _NOT_TEXT.sub(lambda found: found[1] or "", text)
    return text.encode(errors="replace").decode()  # without lone surrogates, which no file can hold


def decoded(content: Any) -> bytes:
    """A picture in base64 with or without line ends; empty, and so none, where it is not that."""
    try:
        return base64.b64decode("".join(content.split()), validate=True)
    except (AttributeError, ValueError):
        return b""


def pixels(data: bytes) -> int:
    """Width times height of a PNG picture, from its first 24 bytes; 0 if it is none."""
    if len(data) < 24 or data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR":
        return 0
    width, height = struct.unpack(">II", data[16:24])
    return width * height
