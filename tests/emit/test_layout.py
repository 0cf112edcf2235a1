"""Code is laid out as ruff's formatter leaves it, whatever its length."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from schedlang.emit.code import (
    Attribute,
    Brackets,
    Code,
    Labelled,
    Text,
    attribute,
    call,
    choice,
    from_import,
    infix,
    inverse,
    listed,
    names_of,
    negative,
    statement,
    subscript,
)
from schedlang.emit.layout import HARD, SOFT, SPACE, Doc, Either, Group, IfBroken, Nest, render
from tests.emit.formatter import assert_formatted, drawn

LIST = Group(("[", Nest((SOFT, "one", ",", SPACE, "two", IfBroken(","))), SOFT, "]"))
BROKEN = ["[", "    one,", "    two,", "]"]


@pytest.mark.parametrize(
    ("doc", "width", "lines"),
    [
        ("text", 2, ["text"]),
        (("a", SPACE, "b"), 9, ["a", "b"]),
        (Group(("a", SPACE, "b")), 3, ["a b"]),
        (Group(("a", SPACE, "b")), 2, ["a", "b"]),
        (Group(("a", HARD, "b")), 9, ["a", "b"]),
        (LIST, 10, ["[one, two]"]),
        (LIST, 9, BROKEN),
        ((LIST, "."), 10, [*BROKEN[:3], "]."]),
        (Group((LIST, SPACE, LIST)), 21, ["[one, two] [one, two]"]),
        (Group((LIST, SPACE, LIST)), 20, ["[one, two]", "[one, two]"]),
        ((LIST, LIST), 11, ["[one, two][", *BROKEN[1:]]),
        (Either(LIST, "other"), 8, BROKEN),
        (Either(LIST, "other"), 7, ["other"]),
        (Either((LIST, LIST), "other"), 8, [*BROKEN[:3], "][", *BROKEN[1:]]),
        (Either((LIST, "123456789"), "other"), 9, ["other"]),
    ],
)
def test_documents(doc: Doc, width: int, lines: list[str]) -> None:
    assert render(doc, width) == lines


A, B, C = (letter * 40 for letter in "abc")


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        (infix("a", "-", infix("b", "-", "c")), ["x = a - (b - c)"]),
        (infix(infix("a", "-", "b"), "-", "c"), ["x = a - b - c"]),
        (infix("a", "*", infix("b", "+", "c")), ["x = a * (b + c)"]),
        (infix(negative("a"), "**", negative("b")), ["x = (-a) ** -b"]),
        (infix("a", "**", "2"), ["x = a**2"]),
        (infix(call("f", "a"), "**", "2"), ["x = f(a) ** 2"]),
        (negative(infix("a", "**", "2")), ["x = -(a**2)"]),
        (inverse(infix("a", "**", "2")), ["x = not (a**2)"]),
        (choice("a", choice("b", "c", "d"), choice("e", "f", "g")), None),
        (call(attribute(infix("a", "-", "b"), "astype"), "float"), ["x = (a - b).astype(float)"]),
        (call("f", "a", by="b"), ["x = f(a, by=b)"]),
        (subscript(listed("a"), "b", "c"), ["x = [a][b, c]"]),
        (call("f", A, B, C), ["x = f(", f"    {A},", f"    {B},", f"    {C},", ")"]),
        (infix(infix(A, "+", B), "+", C), ["x = (", f"    {A}", f"    + {B}", f"    + {C}", ")"]),
        (infix(A, "+", infix(B, "*", C)), ["x = (", f"    {A}", f"    + {B} * {C}", ")"]),
        (infix(A, "*", call("f", B, C)), [f"x = {A} * f(", f"    {B},", f"    {C},", ")"]),
        (negative(call("f", A, B, C)), ["x = -f(", f"    {A},", f"    {B},", f"    {C},", ")"]),
        (
            listed(Labelled("", Text("a"), ("# b",)), "c"),
            ["x = [", "    # b", "    a,", "    c,", "]"],
        ),
    ],
)
def test_code(value: Code, lines: list[str] | None) -> None:
    expected = ["x = a if (b if c else d) else e if f else g"] if lines is None else lines
    assert statement("x = ", value) == expected


def test_imports_of_many_names() -> None:
    assert from_import("m", ["a", "b"]) == ["from m import a, b"]
    lines = ["from m import (", f"    {A},", f"    {B},", f"    {C},", ")"]
    assert from_import("m", [A, B, C]) == lines


def test_names() -> None:
    code = call(
        "jnp.where", infix("step", "<", "5"), listed(Labelled("a=", Text("lr"))), Text('"x"')
    )
    assert list(names_of(code)) == ["jnp", "step", "lr"]


# ------------------------------------------------------------------------ against the formatter

NAMES = st.sampled_from(["a", "step", "position", "a_long_name", "a_name_that_is_very_long"])
LEAVES: st.SearchStrategy[Code] = st.builds(
    Text, NAMES | st.sampled_from(["1", "0.5", "100_000", "math.pi"])
)
SIGNS = ["+", "-", "*", "/", "//", "%", "**", "<", "==", "and", "or"]
FUNCTIONS = ["f", "jnp.where", "ops.a_function"]


def method(value: Code) -> Code:
    """``value.astype(float)``; no number has methods, and nobody calls one on a method's value."""
    is_chained = isinstance(value, Brackets) and isinstance(value.before, Attribute)
    return (
        value
        if isinstance(value, Text) or is_chained
        else call(attribute(value, "astype"), "float")
    )


def larger(parts: st.SearchStrategy[Code]) -> st.SearchStrategy[Code]:
    few = st.lists(parts, max_size=3)
    commented = st.builds(Labelled, st.just(""), parts, st.sampled_from([(), ("# a comment",)]))
    return st.one_of(
        st.builds(infix, parts, st.sampled_from(SIGNS), parts),
        st.builds(infix, parts, st.sampled_from(SIGNS), parts),
        st.builds(lambda f, xs: call(f, *xs), st.sampled_from(FUNCTIONS), few),
        st.builds(lambda f, xs, by: call(f, *xs, by=by), st.sampled_from(FUNCTIONS), few, parts),
        st.builds(lambda xs: listed(*xs), st.lists(commented, min_size=1, max_size=3)),
        st.builds(
            lambda name, xs: subscript(name, *xs), NAMES, st.lists(parts, min_size=1, max_size=2)
        ),
        st.builds(negative, parts),
        st.builds(inverse, parts),
        st.builds(choice, parts, parts, parts),
        st.builds(method, parts),
    )


CODE = st.recursive(LEAVES, larger, max_leaves=25)


def test_random_code_is_formatted() -> None:
    befores = ["rate = ", "a_long_name_of_a_local = ", "return "]
    assert_formatted(
        [statement(befores[i % 3], value) for i, value in enumerate(drawn(CODE, 1500))]
    )


def test_random_conditions_are_formatted() -> None:
    assert_formatted([[*statement("if ", value, ":"), "    pass"] for value in drawn(CODE, 300)])


def test_a_wrong_layout_is_noticed() -> None:
    with pytest.raises(AssertionError, match=r"^--- "):
        assert_formatted([["x = 1"], ["x = (1)"]])
