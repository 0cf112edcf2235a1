"""Links to the documentation, on terminals that support links."""

from __future__ import annotations

import re
from collections.abc import Mapping

from schedlang.errors import CODES

DOCS = "https://schedlang.readthedocs.io/en/stable"
"""The URL of the documentation, as in `[project.urls]`."""

TERMINALS = ("iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "Tabby", "rio")
"""Terminals that support links (OSC 8), by their TERM_PROGRAM."""
TERMINAL_VARIABLES = (
    "WT_SESSION",
    "KITTY_WINDOW_ID",
    "KONSOLE_VERSION",
    "DOMTERM",
    "ALACRITTY_WINDOW_ID",
)
"""Environment variables that other terminals with links set."""


def page_of(code: str) -> str:
    """The section of the documentation that explains a code."""
    if code in CODES:
        return f"{DOCS}/errors/#{code}"
    return f"{DOCS}/cli/#check" if code in {"unreadable", "warning"} else f"{DOCS}/lint/#{code}"


def has_links(environ: Mapping[str, str]) -> bool:
    """Whether the terminal supports links. FORCE_HYPERLINK=1 or 0 overrides the detection."""
    forced = environ.get("FORCE_HYPERLINK", "")
    if forced:
        return forced != "0"
    if "NO_COLOR" in environ or "CI" in environ:
        return False
    vte = environ.get("VTE_VERSION", "")
    return (
        environ.get("TERM_PROGRAM") in TERMINALS
        or (vte.isdecimal() and int(vte) >= 5000)
        or any(name in environ for name in TERMINAL_VARIABLES)
    )


def codes_in(message: str) -> list[tuple[int, int, str]]:
    """Begin and end of each code at the head of a message, with its page."""
    heads = re.finditer(r"(?m)^(?:\S.*?: )?(?:error|warning|note)\[(?P<code>[a-z-]+)\]", message)
    return [(*match.span("code"), page_of(match["code"])) for match in heads]
