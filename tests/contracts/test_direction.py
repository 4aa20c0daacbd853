import subprocess
import sys

import pytest

from tasks.core.settings import PROJECT

NOUNS = ("core", "data", "requests", "methods", "metrics", "certificates", "training")
ORCHESTRATION = ("prefect", "mlflow", "dvc", "great_expectations")
SLOW = ("peft",)
"""Seconds to import, and for those who ask for it alone."""


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_loads_nothing_that_orchestrates_or_is_seldom_needed(noun):
    modules = sorted(
        ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
        for path in (PROJECT / "tasks" / noun).rglob("*.py")
    )
    assert modules
    code = (
        f"import importlib, sys; [importlib.import_module(name) for name in {modules}]; "
        f"print(*(name for name in {ORCHESTRATION + SLOW} if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == []
