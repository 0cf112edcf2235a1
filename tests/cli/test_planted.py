"""Configs in the style of Hydra, Lightning, transformers and Keras, with planted mistakes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.cli.running import Ran, Run
from tests.docs.markdown import ROOT

FOLDER = ROOT / "tests" / "cli" / "planted"
Place = tuple[str, int, int]

PLANTED: dict[Place, tuple[str, str]] = {
    # file, line and column: the code, and what stands there
    ("hydra/config.yaml", 12, 36): ("unknown-phase", "cosin 95ep"),  # an anchor, used twice
    ("hydra/config.yaml", 23, 64): ("unknown-argument", "mim=1%"),
    ("hydra/experiment/resnet.yaml", 6, 7): ("out-of-order", "60, 30, 80]"),
    ("hydra/experiment/resnet.yaml", 11, 22): ("unknown-argument", "gama=0.1"),
    ("hydra/experiment/resnet.yaml", 13, 3): ("unknown-argument", 'tto=1"'),
    ("hydra/experiment/segmentation.yml", 1, 28): ("syntax", "''0.9'''"),
    ("hydra/experiment/segmentation.yml", 3, 31): ("syntax", ""),
    ("hydra/experiment/segmentation.yml", 5, 24): ("unknown-argument", "powr=0.9"),
    ("hydra/experiment/unfinished.yaml", 3, 1): ("unreadable", ""),
    ("lightning/config.yaml", 15, 20): ("unknown-argument", "1e-5"),
    ("lightning/config.yaml", 16, 50): ("out-of-order", "[30ep, 20ep]}]}"),
    ("lightning/config.yaml", 17, 20): ("warmup-falls", "warmup 5ep"),
    ("lightning/sweep.toml", 5, 20): ("not-whole", "0.1 ->"),
    ("lightning/sweep.toml", 10, 11): ("out-of-order", "until 5st"),
    ("lightning/sweep.toml", 13, 48): ("unknown-phase", r"\u0068odl 5st"),
    ("lightning/sweep.toml", 16, 69): ("out-of-range", "-1 }"),
    ("transformers/training_args.json", 6, 53): ("unknown-phase", "rest ->"),
    ("transformers/training_args.json", 8, 33): ("syntax", r"\u2192 linear"),
    ("transformers/training_args.json", 9, 67): ("rest", 'rest"'),
    ("transformers/training_args.json", 10, 26): ("mixed-units", "500 ->"),
    ("transformers/sft.yaml", 6, 50): ("zero-start", "0 ->"),
    ("transformers/sft.yaml", 6, 71): ("floor", "20%"),
    ("transformers/sft.yaml", 7, 29): ("unknown-phase", "constant"),
    ("transformers/sft.yaml", 9, 37): ("long-warmup", "30%"),
    ("keras/fit.yaml", 1, 39): ("unknown-phase", "exponential"),
    ("keras/fit.yaml", 3, 23): ("unknown-argument", "facter=0.5"),
    ("keras/fit.yaml", 4, 15): ("missing-argument", "plateau monitor"),
    ("keras/fit.yaml", 5, 16): ("unused-peak", "warmup 500st"),
    ("keras/fit.yaml", 5, 52): ("pct", "0.1}"),
    ("keras/model.json", 1, 52): ("cut-cycle", '{"kind": "restarts"'),
    ("keras/model.json", 1, 108): ("floor", '"5%"'),
    ("keras/model.json", 2, 84): ("after-endless", 'hold"'),
    ("keras/steps.toml", 3, 20): ("bare-ticks", "500 ->"),
}


@pytest.fixture
def planted(run: Run) -> Run:
    """Runs a command in a folder whose folder `configs` has the mistakes."""
    shutil.copytree(FOLDER, "configs")
    return run


def _found(ran: Ran) -> dict[Place, str]:
    reports = json.loads(ran.out)
    found = [
        ((report["input"].removeprefix("configs/"), place["line"], place["column"]), each["code"])
        for report in reports
        for each in report["errors"] + report["warnings"]
        for place in [each["place"]]
    ]
    assert len(found) == len(dict(found)), "nothing is reported twice"
    return dict(found)


def test_each_is_found_at_its_place_and_nothing_else(planted: Run) -> None:
    ran = planted("check", "--lint", "configs", "--format", "json")
    assert (ran.status, ran.err) == (2, "")
    assert _found(ran) == {place: code for place, (code, _) in PLANTED.items()}


def test_without_lint_only_errors_are_found(planted: Run) -> None:
    from schedlang.linting import CODES

    errors = {place: code for place, (code, _) in PLANTED.items() if code not in CODES}
    assert len(errors) >= 25
    assert _found(planted("check", "configs", "--format", "json")) == errors


@pytest.mark.parametrize("place", PLANTED, ids=lambda place: ":".join(map(str, place)))
def test_the_place_is_where_it_stands(place: Place) -> None:
    name, line, column = place
    lines = (FOLDER / name).read_text(encoding="utf-8").split("\n")
    assert lines[line - 1][column - 1 :].startswith(PLANTED[place][1])


def test_text_has_the_places_too(planted: Run) -> None:
    ran = planted("check", "-q", "configs")
    assert (ran.status, ran.out) == (2, "")
    assert (
        """\
configs/hydra/config.yaml:12:36: error[unknown-phase]: there is no phase called `cosin`
   |
12 | base_schedule: &base warmup 5ep -> cosin 95ep min=1%
   |                                    ^^^^^ did you mean `cosine`?
"""
        in ran.err
    )


# ── For other programs ───────────────────────────────────────────────────────────────────────────


def _validated(ran: Ran) -> dict[str, Any]:
    log: dict[str, Any] = json.loads(ran.out)
    schema = json.loads((ROOT / "tests" / "golden" / "sarif-2.1.0.json").read_text("utf-8"))
    jsonschema.validate(log, schema, format_checker=jsonschema.FormatChecker())
    return log


def test_sarif_follows_its_schema(planted: Run) -> None:
    ran = planted("check", "--lint", "configs", "--format", "sarif")
    assert (ran.status, ran.err) == (2, "")
    (log,) = _validated(ran)["runs"]
    found = {
        (
            place["artifactLocation"]["uri"].removeprefix("configs/"),
            place["region"]["startLine"],
            place["region"]["startColumn"],
        ): result["ruleId"]
        for result in log["results"]
        for place in [result["locations"][0]["physicalLocation"]]
    }
    assert found == {place: code for place, (code, _) in PLANTED.items()}
    rules = [rule["id"] for rule in log["tool"]["driver"]["rules"]]
    assert all(rules[each["ruleIndex"]] == each["ruleId"] for each in log["results"])


def test_sarif_of_lines_and_of_nothing(run: Run) -> None:
    (log,) = _validated(run("check", "cosin 90", "cosine 9", "--format", "sarif"))["runs"]
    (result,) = log["results"]
    assert result == {
        "ruleId": "unknown-phase",
        "ruleIndex": 0,
        "level": "error",
        "message": {"text": "there is no phase called `cosin`\ndid you mean `cosine`?"},
    }
    (log,) = _validated(run("check", "cosine 9", "--format", "sarif"))["runs"]
    assert log["results"] == []


def test_a_schema_that_is_not_followed_is_noticed(run: Run) -> None:
    ran = run("check", "cosin 90", "--format", "sarif")
    with pytest.raises(jsonschema.ValidationError):
        _validated(ran._replace(out=ran.out.replace('"level": "error"', '"level": "bad"')))


GITHUB: list[tuple[list[str], str, int]] = [
    # arguments, what is printed, status
    (
        ["check", "cosin 90"],
        (
            "::error title=schedlang%3A unknown-phase::there is no phase called `cosin`%0A"
            "did you mean `cosine`?\n"
        ),
        1,
    ),
    (
        ["lint", "a,b.yaml"],
        (
            "::warning file=a%2Cb.yaml,title=schedlang%3A floor,line=1,col=27,endLine=1,"
            "endColumn=29::"
            "this floor is 5%25 of the base rate%0Awrite 0.1%25 to 1%25, or leave it out%0A"
            "below 1/1000 of the base training makes no progress, above 1/100 it stays noisy;"
            " 1/10 is usual for language models\n"
        ),
        1,
    ),
    (
        ["check", "cosine 90", "--total", "50"],
        (
            "::warning title=schedlang%3A warning::the phases take 90 ticks, but the total is 50"
            " ticks: training ends first\n"
        ),
        0,
    ),
    (
        ["check", "no.yaml"],
        "::error title=schedlang%3A unreadable::cannot read no.yaml: No such file or directory\n",
        2,
    ),
    (["check", "cosine 90"], "", 0),
]


@pytest.mark.parametrize(("arguments", "out", "status"), GITHUB)
def test_github(run: Run, arguments: list[str], out: str, status: int) -> None:
    Path("a,b.yaml").write_text("schedule: cosine 90ep min=5%\n", encoding="utf-8")
    assert run(*arguments, "--format", "github") == Ran(status, out, "")
