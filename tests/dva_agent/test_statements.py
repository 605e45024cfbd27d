from __future__ import annotations

from dva_agent import statements
from hypothesis import given
from hypothesis import strategies as st

from tests.dva_agent import make_statements

FIELDS = st.lists(st.binary(max_size=8), max_size=4)


def test_a_statement_byte_by_byte() -> None:
    made = statements.of_session(b"\xff" * 3, "http://a", b"key")
    named = b"\x08\0\0\0http://a"
    assert made == b"dva session 2\0\x03\0\0\0\xff\xff\xff" + named + b"\x03\0\0\0key"
    result = statements.of_result(
        lease="l", unit="u", bundle="b", rung="wasm", statuses=b"\0", scores=b"abcd"
    )
    texts = b"\x01\0\0\0l\x01\0\0\0u\x01\0\0\0b\x04\0\0\0wasm"
    assert result == b"dva result 1\0" + texts + b"\x01\0\0\0\0" + b"\x04\0\0\0abcd"


@given(one=FIELDS, other=FIELDS)
def test_no_two_lists_of_fields_say_the_same(one: list[bytes], other: list[bytes]) -> None:
    same = statements.statement("x", *one) == statements.statement("x", *other)
    assert same == (one == other)


def test_the_vectors_for_javascript_are_what_python_says() -> None:
    assert make_statements.FILE.read_text() == make_statements.made()
