"""A chain in words."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gochan
from gochan._plugins._chains import Stage, parse_chain
from gochan.strategies import Block

from ..examples import examples


@pytest.mark.parametrize(
    ("text", "capacity"),
    [
        ("block(3)", 3),
        ("block(capacity=3)", 3),
        (" block ( 3 ) ", 3),
        ("block(inf)", math.inf),
        ("drop-on-full(3)", 3),
    ],
)
def test_options_stand_in_parentheses(text: str, capacity: float) -> None:
    """By position or by name, with room around them."""
    assert gochan.strategy(text).capacity == capacity


def test_options_can_be_given_beside_the_text() -> None:
    """To the last one of the chain."""
    strategy = gochan.strategy("block", capacity=4)
    assert type(strategy) is Block
    assert strategy.capacity == 4


def test_options_are_values_in_words() -> None:
    """Numbers, strings, and a few words; nothing else has a meaning."""
    text = "a(3, -3, +3, 1_000, .5, 5., -1e3, inf, -inf, True, False, None, x, 'x y', \"\", nan)"
    (stage,) = parse_chain(text)
    expected = (3, -3, 3, 1000, 0.5, 5.0, -1000.0, math.inf, -math.inf)
    assert stage.positional == (*expected, True, False, None, "x", "x y", "", "nan")
    assert [type(value) for value in stage.positional[3:5]] == [int, float]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("""a("it's")""", "it's"),
        ("""a('say "so"')""", 'say "so"'),
        (r"""a("say \"so\"")""", 'say "so"'),
        (r"""a('it\'s')""", "it's"),
        (r"""a('\\')""", "\\"),
        (r"""a("\n\u00e9\d")""", "\né\\d"),
        ("""a('(|,=)')""", "(|,=)"),
        ("""a("b('c')")""", "b('c')"),
        ("""a('é ☃ ')""", "é ☃ "),
        ("a(名)", "名"),
        ("a\n(\t'x'\n,)\n", "x"),
    ],
)
def test_strings_are_as_in_python(text: str, value: str) -> None:
    """Either quotes, escapes, and whatever stands between them."""
    assert parse_chain(text) == [Stage("a", (value,))]
    assert parse_chain(f"b | {text}|c()")[1] == Stage("a", (value,))


def test_a_chain_is_read_from_left_to_right() -> None:
    """Each name with its own options, in their order."""
    assert parse_chain("""rate(100, burst=5)|fair( by = "tenant" , ) | codel""") == [
        Stage("rate", (100,), (("burst", 5),)),
        Stage("fair", (), (("by", "tenant"),)),
        Stage("codel"),
    ]


NO_CHAINS = {
    "block(": "a value is missing, in column 7;",
    "block(3": "',' or ')' is missing, in column 8;",
    "block(3))": "')' cannot stand here; '|' can, in column 9;",
    "(3)": "a name is missing, in column 1;",
    "'block'(3)": "a name is missing, in column 1;",
    "|": "a name is missing, in column 1;",
    "block(3) |": "a name is missing, in column 11;",
    "| block(3)": "a name is missing, in column 1;",
    "block || block": "a name is missing, in column 8;",
    "block(3) block(4)": "'block' cannot stand here; '|' can, in column 10;",
    "block((3,))": "a value is missing, in column 7;",
    "block(,)": "a value is missing, in column 7;",
    "block(3,,)": "a value is missing, in column 9;",
    "block(a=)": "a value is missing, in column 9;",
    "block(3=4)": "'3' is no name of an option, in column 7;",
    "block('a'=4)": "is no name of an option, in column 7;",
    "block(a=b=c)": "',' or ')' is missing, in column 10;",
    "block(a=1, 2)": "an option without a name comes after one with a name, in column 12;",
    "block(a=1, a=2)": "a is given twice, in column 12;",
    "block('a)": "a string has no end, in column 7;",
    'block("a\n")': "a string has no end, in column 7;",
    r"block('a\')": "a string has no end, in column 7;",
    r"block('\x1')": "cannot be read, in column 7;",
    "block('\udc80')": "cannot be read, in column 7;",
    "block('\0')": "cannot be read, in column 7;",
    "block(1__0)": "'1__0' cannot be read, in column 7;",
    f"block({'9' * 5000})": "cannot be read, in column 7;",
    "block(**x)": "'**x' is neither a number nor one word; put it in quotes, in column 7;",
    "block(3 4)": "',' or ')' is missing, in column 9;",
    "block(b'x')": "',' or ')' is missing, in column 8;",
    "block([3])": "'[3]' is neither a number nor one word;",
    "block(x.y)": "'x.y' is neither a number nor one word;",
    "block(1+2)": "'1+2' is neither a number nor one word;",
    "block(1j)": "'1j' is neither a number nor one word;",
    "block(0x10)": "'0x10' is neither a number nor one word;",
    "block(.)": "'.' is neither a number nor one word;",
    "block(«x»)": "'«x»' is neither a number nor one word;",
}


@pytest.mark.parametrize("text", NO_CHAINS, ids=lambda text: ascii(text)[:30])
def test_what_is_no_chain_is_refused(text: str) -> None:
    """With the text, what is wrong and where, and how one looks. Nothing is evaluated."""
    with pytest.raises(ValueError, match="is not a chain of strategies: ") as caught:
        gochan.strategy(text)
    message = str(caught.value)
    assert NO_CHAINS[text] in message
    assert message.endswith(
        "; write names with their options and | between them, as in 'rate(100) | lifo(20)'"
    )
    assert len(message) < 500


@pytest.mark.parametrize(
    "text",
    [
        "a" + " " * 100_000 + "!(",
        "(" * 100_000,
        "a(" + "-" * 100_000 + "1)",
        "a(" + "[" * 100_000,
        "a('" + "\\'" * 100_000,
        "a(" + "9_" * 100_000 + ")",
        "a(" + "." * 100_000 + ")",
        "a" * 100_000 + "|",
    ],
    ids=lambda text: text[:10],
)
def test_a_long_text_takes_no_long_time(text: str) -> None:
    """Nor much memory, nor does it overflow the stack; and the error is short."""
    start = time.perf_counter()
    with pytest.raises(ValueError, match="is not a chain of strategies") as caught:
        parse_chain(text)
    assert time.perf_counter() - start < 2  # some milliseconds, in truth
    assert len(str(caught.value)) < 500


def test_a_chain_can_be_long() -> None:
    """As far as reading it goes."""
    assert len(parse_chain(" | ".join(["a(x, y='z')"] * 5000))) == 5000


@given(st.text(alphabet="ab(),|='\"\\ \n1.-\x00é", max_size=30))
@examples(300)
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    """By a `ValueError`, and no other error; what was read can be written again."""
    try:
        stages = parse_chain(text)
    except ValueError:
        return
    written = " | ".join(
        f"{stage.name}({', '.join([*map(repr, stage.positional), *named(stage)])})"
        for stage in stages
    )
    if "(" in text or "|" in text:  # or else it is a name, whatever it may be
        assert parse_chain(written) == stages


def named(stage: Stage) -> list[str]:
    return [f"{name}={value!r}" for name, value in stage.named]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("block(3)", {"capacity": 4}, "'block': capacity is given twice|multiple values"),
        ("block(capacity=3)", {"capacity": 4}, "'block': capacity is given twice"),
        ("block(3, size=3)", {}, "'block': .*'size'; its options: capacity"),
        ("block(word)", {}, "capacity must be an int"),
        ("block(3) | block(4)", {}, "Block decides the order"),
        ("block", {}, "'block': missing a required argument: 'capacity'; its options: capacity"),
    ],
)
def test_what_does_not_fit_is_a_type_error(
    text: str, options: dict[str, Any], message: str
) -> None:
    """That names the strategy."""
    with pytest.raises(TypeError, match=message):
        gochan.strategy(text, **options)


def test_unknown_names_in_a_chain_are_errors_that_say_so() -> None:
    """With the nearest."""
    with pytest.raises(gochan.UnknownStrategyError, match=r"'blok'.*'block'"):
        gochan.strategy("blok(3)")
    with pytest.raises(gochan.UnknownStrategyError, match=r"named 'Block'.*mean 'block'\?"):
        gochan.strategy("Block(3)")
    with pytest.raises(gochan.UnknownStrategyError, match="no strategy named 'bl-ck!'"):
        gochan.strategy("block(3) | bl-ck!")


def test_room_around_a_name_does_not_matter() -> None:
    """With or without options."""
    assert gochan.strategy("  block\n", capacity=3).capacity == 3
