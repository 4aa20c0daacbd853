import json
import math

from tasks.metrics import scores


def test_what_is_missing_or_infinite_is_null_in_the_file_and_nan_again_in_memory(tmp_path):
    scores.write({"forget": {"a": math.nan, "b": math.inf, "c": 0.5}}, tmp_path / "scores.json")
    written = json.loads((tmp_path / "scores.json").read_text())
    assert written == {"forget": {"a": None, "b": None, "c": 0.5}}
    again = scores.read(tmp_path / "scores.json")["forget"]
    assert math.isnan(again["a"])
    assert math.isnan(again["b"])
    assert again["c"] == 0.5


def test_zero_stays_zero(tmp_path):
    scores.write({"reasons": [{"low": 0.0, "passed": False}]}, tmp_path / "scores.json")
    assert scores.read(tmp_path / "scores.json") == {"reasons": [{"low": 0.0, "passed": False}]}
