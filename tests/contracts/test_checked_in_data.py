"""dvc.lock holds what the checked-in parameters give, byte for byte, on any machine."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def test_dvc_repro_of_the_checked_in_run_changes_nothing(tmp_path):
    for name in ("params.yaml", "dvc.yaml", "dvc.lock", ".gitignore", ".dvcignore", ".dvc/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(PROJECT / name, tmp_path / name)
    for room in ("flows", "tasks"):
        shutil.copytree(PROJECT / room, tmp_path / room)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    subprocess.run(
        [sys.executable, "-m", "dvc", "repro", "-q"], cwd=tmp_path, env=environment, check=True
    )
    assert (tmp_path / "dvc.lock").read_text() == (PROJECT / "dvc.lock").read_text()
