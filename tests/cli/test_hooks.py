"""The hooks for pre-commit and the workflow for GitHub, run in a repository of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.markdown import ROOT

HOOKS: list[dict[str, Any]] = yaml.safe_load(
    (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
)
WORKFLOW: dict[str, Any] = yaml.safe_load(
    (ROOT / "examples" / "workflow.yml").read_text(encoding="utf-8")
)
FINE = "schedule: warmup linear 5ep -> cosine 95ep min=1%  # c\n"
OTHERS = {
    "none.yaml": "a: 1\nbeta_schedule: linear\n",
    "template.yaml": "{{ .Values.a }}: [\n",
    "package.json": '{"a": "b"}\n',
    "pyproject.toml": '[project]\nname = "x"\n',
    "notes.md": "schedule: cosin 90\n",
}


class Repository:
    """A repository of git with a folder of configs, and commands in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shims = folder.parent / "bin"
        shims.mkdir()
        for name, start in (("schedlang", "-m schedlang"), ("pip", "-c pass")):
            shim = shims / name
            shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" {start} "$@"\n', encoding="utf-8")
            shim.chmod(0o755)
        self.environ = {
            **os.environ,
            "PATH": f"{shims}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PRE_COMMIT_HOME": str(folder.parent / "cache"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b.c",
            "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b.c",
        }  # fmt: skip
        self("git", "init", "-q", "-b", "main", ".")

    def __call__(self, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            check=False,
        )

    def write(self, name: str, content: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
        self("git", "add", "-A")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    (tmp_path / "work").mkdir()
    made = Repository(tmp_path / "work")
    for name, content in OTHERS.items():
        made.write(name, content)
    return made


def test_hooks_have_what_pre_commit_wants() -> None:
    assert [hook["id"] for hook in HOOKS] == [
        "schedlang-check",
        "schedlang-lint",
        "schedlang-fmt",
    ]
    for hook in HOOKS:
        assert hook["language"] == "python"
        assert hook["entry"].startswith("schedlang ")


@pytest.mark.parametrize(
    ("content", "failing", "says"),
    [
        (FINE, set(), ""),
        (
            "schedule: warmup 5ep -> cosin 95ep\n",
            {"schedlang-check", "schedlang-lint", "schedlang-fmt"},
            "configs/a.yaml:1:25: error[unknown-phase]: there is no phase called `cosin`",
        ),
        (
            "schedule: warmup linear 30ep -> cosine 70ep min=1%\n",
            {"schedlang-lint"},
            "configs/a.yaml:1:25: warning[long-warmup]: the warm-up lasts for 30% of the run",
        ),
        (
            "schedule: warmup 5ep->cosine 95ep min=1%\n",
            {"schedlang-fmt"},
            "changed to: warmup linear 5ep -> cosine 95ep min=1%",
        ),
    ],
)
def test_pre_commit_runs_the_hooks(
    repository: Repository, content: str, failing: set[str], says: str
) -> None:
    """With the commands of this checkout, so that nothing is installed."""
    pytest.importorskip("pre_commit")
    local = [{**hook, "language": "system"} for hook in HOOKS]
    config = {"repos": [{"repo": "local", "hooks": local}]}
    repository.write(".pre-commit-config.yaml", yaml.safe_dump(config))
    repository.write("configs/a.yaml", content)
    for hook in HOOKS:
        ran = repository(sys.executable, "-m", "pre_commit", "run", "--all-files", hook["id"])
        assert (ran.returncode != 0) is (hook["id"] in failing), ran.stdout + ran.stderr
        if hook["id"] in failing and says:
            assert says in ran.stdout
        repository("git", "checkout", "-q", "--", ".")


def _step(name: str) -> str:
    steps = WORKFLOW["jobs"]["schedules"]["steps"]
    (found,) = (step["run"] for step in steps if step.get("name") == name)
    return str(found)


def test_the_workflow_runs(repository: Repository) -> None:
    repository.write("configs/a.yaml", FINE)
    repository.write("configs/b.yaml", FINE)
    repository("git", "commit", "-q", "-m", "before")
    repository("git", "update-ref", "refs/remotes/origin/main", "HEAD")
    assert repository("bash", "-e", "-c", _step("Install schedlang")).returncode == 0
    check = repository("bash", "-e", "-c", _step("Check the schedules"))
    assert (check.returncode, check.stdout, check.stderr) == (0, "", "")
    repository.write("configs/a.yaml", FINE.replace("min=1%", "min=5%"))
    check = repository("bash", "-e", "-c", _step("Check the schedules"))
    assert check.returncode == 1
    assert check.stdout.startswith(
        "::warning file=configs/a.yaml,title=schedlang%3A floor,line=1,col=48,"
    )
    shown = repository("bash", "-e", "-c", _step("Show what changes"), GITHUB_BASE_REF="main")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith(
        "origin/main:configs/a.yaml: schedule and configs/a.yaml: schedule differ\n"
    )
    assert "first at tick 6: 0.9997" in shown.stdout
    assert "b.yaml" not in shown.stdout
