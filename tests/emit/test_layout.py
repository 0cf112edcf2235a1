"""Code is laid out within 100 columns, and means the same on however many lines."""

from __future__ import annotations

import ast

import pytest
from hypothesis import strategies as st

from schedlang.emit.code import (
    Block,
    Code,
    Import,
    Statement,
    attribute,
    call,
    choice,
    code,
    commented,
    function,
    import_statements,
    infix,
    inverse,
    let,
    lines_of,
    listed,
    mapping,
    names,
    negative,
    note,
    number,
    returns,
    statement,
    subscript,
    template,
    text_literal,
    uses_of,
)
from schedlang.emit.layout import HARD, SOFT, SPACE, WIDTH, Doc, Group, IfBroken, Nest, render
from tests.emit.drawing import drawn

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
        (negative(infix("a", "**", "2")), ["x = -a**2"]),
        (inverse(infix("a", "<", "2")), ["x = not a < 2"]),
        (choice("a", choice("b", "c", "d"), choice("e", "f", "g")), None),
        (call(attribute(infix("a", "-", "b"), "astype"), "float"), ["x = (a - b).astype(float)"]),
        (call("f", "a", by="b"), ["x = f(a, by=b)"]),
        (subscript(listed("a"), "b", "c"), ["x = [a][b, c]"]),
        (call("f", A, B, C), ["x = f(", f"    {A},", f"    {B},", f"    {C},", ")"]),
        (infix(infix(A, "+", B), "+", C), ["x = (", f"    {A}", f"    + {B}", f"    + {C}", ")"]),
        (infix(A, "+", infix(B, "*", C)), ["x = (", f"    {A}", f"    + {B} * {C}", ")"]),
        (infix(A, "*", call("f", B, C)), ["x = (", f"    {A}", f"    * f({B}, {C})", ")"]),
        (listed(commented("b", code("a"), 1), "c"), ["x = [", "    # b", "    a,", "    c,", "]"]),
        (mapping({"1": "a", '"b"': number(-2.5)}), ['x = {1: a, "b": -2.5}']),
        (infix(number(-2.0), "**", number(-0.5)), ["x = (-2) ** -0.5"]),
        (text_literal('a"\n\\'), ['x = "a\\x22\\n\\\\"']),
    ],
)
def test_code(value: Code, lines: list[str] | None) -> None:
    expected = ["x = a if (b if c else d) else e if f else g"] if lines is None else lines
    assert lines_of([let("x", value)]) == expected


def test_imports_of_many_names() -> None:
    lines = ["from m import (", f"    {A},", f"    {B},", f"    {C},", ")"]
    assert lines_of(import_statements(Import("m", letter) for letter in (A, B, C))) == lines
    assert lines_of(import_statements([Import("m", "b"), Import("m", "a")])) == [
        "from m import a, b"
    ]


STATEMENTS: list[tuple[Block, list[str]]] = [
    (
        (statement("if ", infix("a", "<", "b"), ":", (returns("c"),)), *note("d"), returns("e")),
        ["if a < b:", "    return c", "# d", "return e"],
    ),
    ((Statement("a", comment="b"), Statement("")), ["a  # b", ""]),
    ((Statement(A, comment=f"{A} {B}"),), [f"# {A} {B}", A]),
    (
        (function("f", {"a": "int"}, "float", (), note("b")),),
        ["def f(a: int) -> float:", "    # b"],
    ),
    (template("a\n\nb"), ["a", "", "b"]),
    (note(""), []),
]


@pytest.mark.parametrize(("block", "lines"), STATEMENTS)
def test_statements(block: Block, lines: list[str]) -> None:
    assert lines_of(block) == lines


def test_code_declares_what_it_uses() -> None:
    """Names that are imported, and locals; not what strings contain."""
    used = call(
        "jnp.where", infix("step", "<", "5"), listed(negative("lr")), text_literal("math.loss")
    )
    inside = (let("x", used), *template("def g(y):\n    return math.pi", "Any"), *note("optax"))
    block = (function("f", {"a": "ArrayLike"}, "jax.Array", (), inside),)
    expected = names("jnp", "step", "lr", "Any", "f", "ArrayLike", "jax")
    assert uses_of(block) == expected
    assert Import("jax.numpy", alias="jnp") in expected
    assert Import("math") not in expected


# ------------------------------------------------------------------------------ random code

NAMES = st.sampled_from(["a", "step", "position", "a_long_name", "a_name_that_is_very_long"])
LEAVES: st.SearchStrategy[Code] = st.builds(
    code, NAMES | st.sampled_from(["1", "0.5", "100_000", "math.pi"])
)
SIGNS = ["+", "-", "*", "/", "//", "%", "**", "<", "==", "and", "or"]
FUNCTIONS = ["f", "jnp.where", "ops.a_function"]


def larger(parts: st.SearchStrategy[Code]) -> st.SearchStrategy[Code]:
    few = st.lists(parts, max_size=3)
    items = parts | st.builds(commented, st.just("a comment"), parts, st.just(1))
    return st.one_of(
        st.builds(infix, parts, st.sampled_from(SIGNS), parts),
        st.builds(infix, parts, st.sampled_from(SIGNS), parts),
        st.builds(lambda f, xs: call(f, *xs), st.sampled_from(FUNCTIONS), few),
        st.builds(lambda f, xs, by: call(f, *xs, by=by), st.sampled_from(FUNCTIONS), few, parts),
        st.builds(lambda xs: listed(*xs), st.lists(items, min_size=1, max_size=3)),
        st.builds(
            lambda name, xs: subscript(name, *xs), NAMES, st.lists(parts, min_size=1, max_size=2)
        ),
        st.builds(negative, parts),
        st.builds(inverse, parts),
        st.builds(choice, parts, parts, parts),
        st.builds(lambda x: call(attribute(x, "astype"), "float"), parts.filter(_has_methods)),
    )


def _has_methods(x: Code) -> bool:
    return not x.flat[0].isdigit()


CODE = st.recursive(LEAVES, larger, max_leaves=25)


def test_random_code_means_the_same_on_several_lines() -> None:
    statements = [let("a_long_name_of_a_local", value) for value in drawn(CODE, 400)]
    long, flat = lines_of(statements), lines_of(statements, width=10**6)
    assert ast.dump(ast.parse("\n".join(long))) == ast.dump(ast.parse("\n".join(flat)))
    assert max(map(len, long)) <= WIDTH
    assert len(long) > len(flat) + 200
