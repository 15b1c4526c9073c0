"""The decoder of what a sandbox sends: plain data or `Malformed`, whatever arrives."""

import base64
import dataclasses
import json
from collections import Counter, OrderedDict, defaultdict, namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder import outputs
from autograder.limits import Limits
from autograder.sandbox import program, protocol
from autograder.sandbox.program import Encoder

LIMITS = Limits(result_bytes=10_000, result_items=200, result_depth=5, output_bytes=100)


def sent(value, limits=LIMITS):
    """Return `value` as it arrives on the other side."""
    message = json.dumps(Encoder(dataclasses.asdict(limits)).encode(value)).encode()
    return protocol.decode(protocol.parse(b'{"value":' + message + b"}", limits)["value"], limits)


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 0, -(10**30), 1.5, float("inf"), "text \N{SNOWMAN}"),
        *([], [1, [2, "3"]], (1, (2,)), {}, {"W1": 1, 2: [3], None: (4,)}),
        *({1, 2}, frozenset("ab"), 1 + 2j, {1j: {2}}),
    ],
)
def test_plain_values_arrive_as_they_are(value):
    arrived = sent(value)
    assert arrived == value
    assert type(arrived) is type(value)


@pytest.mark.parametrize("kind", ["?", "i1", "u2", "i8", "f2", "f4", "f8", ">f8", "c8", "c16"])
def test_arrays_arrive_with_values_shape_and_type(kind):
    array = np.arange(6).astype(kind).reshape(2, 3)
    for value in (array, array.T, array[:, ::2], array[:0], np.array(array[1, 1])):
        arrived = sent(value)
        assert type(arrived) is np.ndarray
        assert arrived.dtype == value.dtype
        assert arrived.flags.writeable
        np.testing.assert_array_equal(arrived, value)


@pytest.mark.parametrize(
    "value",
    [(1, [2.5]), {(1 + 1j): {3}}, {2: "a"}, np.arange(3.0), np.float32(1.5), None, frozenset([1])],
)
def test_arguments_arrive_in_the_sandbox_as_they_are(value):
    arrived = program.Decoder(dataclasses.asdict(LIMITS)).decode(
        json.loads(json.dumps(protocol.encode(value, LIMITS)))
    )
    assert type(arrived) is type(value)
    np.testing.assert_equal(arrived, value)


@pytest.mark.parametrize(
    "value", [object(), namedtuple("Pair", "a b")(1, 2), np.ma.array([1]), "a" * 10**5]
)
def test_arguments_that_would_arrive_as_something_else_are_refused(value):
    with pytest.raises(TypeError, match="cannot be sent"):
        protocol.encode(value, LIMITS)


def test_infinities_and_nans_arrive_in_arrays():
    value = np.array([np.nan, np.inf, -np.inf, -0.0])
    assert sent(value).tobytes() == value.tobytes()


def test_numpy_scalars_keep_their_type():
    for value in (np.float64(0.1), np.float32(0.1), np.int64(3), np.bool_(True)):
        assert type(sent(value)) is type(value)
        assert sent(value) == value


def test_containers_of_a_subclass_arrive_as_what_they_hold():
    class Liar(dict):
        def items(self):
            return [("W1", "a lie")]

    for value in (OrderedDict(a=1), Counter("a"), defaultdict(int, a=1), Liar(a=1)):
        assert sent(value) == {"a": 1}
        assert type(sent(value)) is dict
    assert sent(namedtuple("Pair", "a b")(1, 2)) == (1, 2)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({(1, 2)}.__iter__(), "set_iterator"),
        (np.zeros((1, 1)).view(np.matrix), "matrix"),
        (np.ma.array([1.0]), "MaskedArray"),
        (np.array(["2026"], dtype="M8[Y]"), "ndarray (of datetime64Y)"),
        (np.array([object()]), "ndarray (of object)"),
        (np.array(["a"]), "ndarray (of str32)"),
        (np.zeros(10_000), "ndarray (too large)"),
        ("a" * 10_001, "str (too large)"),
        (1 << 2000, "int (too large)"),
        (list(range(1000)), "list (too large)"),
        (dict.fromkeys(range(150)), "dict (too large)"),
        (type("<b>" + "x" * 99, (), {})(), "b" + "x" * 59),
        (type("int", (int,), {})(3), "int"),
    ],
)
def test_everything_else_becomes_a_placeholder_that_names_its_type(value, name):
    arrived = sent(value)
    assert isinstance(arrived, protocol.Placeholder)
    assert type(arrived).__name__ == name
    assert repr(arrived) == f"<object of type {name}>"


def test_a_result_of_many_small_parts_keeps_what_fits():
    arrived = sent([[1, 2, 3]] * 100)
    assert arrived[0] == [1, 2, 3]
    assert type(arrived[-1]).__name__ == "list (too large)"
    deepest = [[[[[1]]]]]
    assert sent(deepest) == deepest


def test_only_the_part_that_is_too_large_is_left_out():
    arrived = sent({"W1": np.zeros(10_000), "b1": np.zeros(3)})
    assert isinstance(arrived["W1"], protocol.Placeholder)
    np.testing.assert_array_equal(arrived["b1"], np.zeros(3))


def test_cyclic_and_deep_values_are_cut():
    cycle = []
    cycle.append(cycle)
    assert type(sent(cycle)[0]).__name__ == "list (contains itself)"
    deep = []
    for _ in range(1000):
        deep = [deep]
    assert "(nested too deep)" in repr(sent(deep))


def array(**changes):
    body = {"dtype": "<f8", "shape": [1], "data": base64.b64encode(bytes(8)).decode(), **changes}
    return {"array": body}


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"set": 1},
        {"set": [[1]]},
        {"complex": [1.0, "2"]},
        {"dict": [], "tuple": []},
        {"dict": [[1]]},
        {"dict": [[[1], 2]]},
        {"dict": {"a": 1}},
        {"tuple": 3},
        {"object": "set"},
        {"array": None},
        array(dtype="O"),
        array(dtype="|V8"),
        array(dtype="<U2"),
        array(dtype=8),
        array(shape=[2]),
        array(shape=[-1]),
        array(shape=[True]),
        array(shape=[1.0]),
        array(shape=[2**62, 0], data=""),
        array(shape=[1] * 33),
        array(shape="1"),
        array(data="?"),
        array(data="\N{SNOWMAN}"),
        array(data=None),
        array(shape=[2000], data=base64.b64encode(bytes(16_000)).decode()),
        {"scalar": {"dtype": "<f8", "data": ""}},
        [0] * 201,
        "a" * 10_001,
        10**400,
        [[[[[[[]]]]]]],
    ],
)
def test_what_breaks_the_format_or_a_limit_is_malformed(content):
    with pytest.raises(protocol.Malformed):
        protocol.decode(content, LIMITS)


@pytest.mark.parametrize(
    "message",
    [b"", b"[]", b"{", b'"', b"\xff", b"[" * 100_000, b'{"a":' + b"9" * 5000 + b"}"],
)
def test_what_is_no_json_object_is_malformed(message):
    with pytest.raises(protocol.Malformed):
        protocol.parse(message, LIMITS)


def test_many_small_objects_are_refused_before_they_are_made():
    with pytest.raises(protocol.Malformed, match="too many items"):
        protocol.parse(b'{"a":[' + b"[]," * 100_000 + b"[]]}", LIMITS)
    with pytest.raises(protocol.Malformed, match="too many strings"):
        protocol.parse(b'""' * 1_000_000, LIMITS)


def test_commas_and_brackets_inside_strings_do_not_count():
    text = '[{,"\\' * 50_000
    assert protocol.parse(json.dumps({"text": text}).encode(), LIMITS) == {"text": text}


def test_an_open_string_of_many_quotes_is_scanned_in_one_pass():
    with pytest.raises(protocol.Malformed, match="not JSON"):
        protocol.parse(b'"' + b'\\"' * 1_000_000, LIMITS)


KEYS = ["dict", "tuple", "array", "scalar", "object", "dtype", "shape", "data", "type", "reason"]
KEYS += ["output_type", "name", "text", "ename", "evalue", "traceback", "text/plain", "image/png"]
KEYS += ["frames", "message"]

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["<f8", "|b1", "AAAAAAAAAAA=", "stream", "error", "stdout"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(json_values)
def test_whatever_arrives_is_decoded_or_malformed(content):
    for decode in (
        lambda: protocol.decode(content, LIMITS),
        lambda: outputs.decode_outputs(content, LIMITS),
        lambda: outputs.decode_outputs([content], LIMITS),
        lambda: protocol.decode_error(content),
    ):
        try:
            decode()
        except protocol.Malformed:
            continue


def test_a_students_error_is_cleaned():
    name, message, frames, undefined = protocol.decode_error(
        {
            "type": "<b>Bad</b>",
            "message": "\x07" + "m" * 5000,
            "frames": [[3, "x = \x1b[2J1"]] * 30,
            "undefined": "no name",
        }
    )
    assert undefined == ""
    assert name == "bBadb"
    assert len(message) <= 2000 and "\x07" not in message
    assert frames == [(3, "x = 1")] * 20
