import json
import subprocess
import sys

import pytest

from tasks.core.settings import PROJECT

NOUNS = ("core", "data", "requests", "methods", "metrics", "certificates", "training")
ORCHESTRATION = ("prefect", "mlflow", "dvc", "great_expectations")
SLOW = ("peft",)
"""Seconds to import, and for those who ask for it alone."""
HEAVY = ("torch", "transformers", "tokenizers", "datasketch", "scipy.stats")
"""Seconds to import, in a process for each stage and domain of a curation."""


@pytest.fixture(scope="module")
def loaded():
    """What is loaded after each noun, all in one process: each would take seconds by itself."""
    code = f"""
import importlib, json, sys
loaded = {{}}
for noun, modules in {[(noun, modules(noun)) for noun in NOUNS]}:
    for name in modules:
        importlib.import_module(name)
    loaded[noun] = [name for name in {ORCHESTRATION + SLOW} if name in sys.modules]
print(json.dumps(loaded))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def modules(noun):
    found = sorted(
        ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
        for path in (PROJECT / "tasks" / noun).rglob("*.py")
    )
    assert found
    return found


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_loads_nothing_that_orchestrates_or_is_seldom_needed(loaded, noun):
    assert loaded[noun] == []


def test_a_stage_of_curation_loads_no_model_library():
    code = f"import sys, tasks.stages; print(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
