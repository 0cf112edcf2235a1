"""The override that `schedlang space --hydra` prints, read by Hydra."""

from __future__ import annotations

import pytest

from schedlang import Space
from schedlang.cli import run

parsers = pytest.importorskip(
    "hydra.core.override_parser.overrides_parser", reason="Hydra is installed by `make engines`"
)

TEXTS = [
    "warmup <1%, 5%> -> cosine rest min=<0, 1e-4>",
    "lr=<0.1, 0.2> total=100ep | multistep at=[30, 60]ep gamma=<0.1, [0.2, 0.5]>",
    "fn <9, 10> {max(0.5, 1 if t < 5 else p)} -> plateau monitor=<val/loss, loss>",
]


@pytest.mark.parametrize("text", TEXTS)
def test_an_override(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["space", text, "--hydra", "--key", "train.schedule"]) == 0
    printed = capsys.readouterr().out.removesuffix("\n")
    override = parsers.OverridesParser.create().parse_override(printed)
    assert override.is_sweep_override()
    assert override.get_key_element() == "train.schedule"
    values = [*override.sweep_string_iterator()]
    lines = [line.removeprefix("'").removesuffix("'") for line in values]
    assert lines == Space(text).lines()
