import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.metrics import kept
from tasks.metrics.evidence import Evidence
from tasks.metrics.kept import Kept, Sketch, grams, hashed, repeated, sketches, spread

KEY, OTHER = bytes(32), bytes([1]) * 32
NONE = np.empty(0, dtype=np.uint64)


def text(seed, tokens=640):
    return np.random.default_rng(seed).integers(50_000, size=tokens).tolist()


def test_a_text_of_n_tokens_has_n_minus_four_runs_of_five_and_a_shorter_one_none():
    assert grams([text(0, 10)]).size == 6
    assert grams([text(0, 4), []]).size == 0


def test_a_run_is_another_in_another_order():
    assert not np.intersect1d(grams([[1, 2, 3, 4, 5]]), grams([[5, 4, 3, 2, 1]])).size


def test_about_one_run_in_sixteen_leaves_a_hash():
    # 100,000 runs: 6250 expected, deviation sqrt(100000 / 16 * 15 / 16) = 77; five of them either way
    assert len(hashed(grams([text(0, 100_004)]), KEY)) == pytest.approx(6250, abs=385)


def test_hashes_of_one_key_say_nothing_under_another():
    runs = grams([text(0)])
    assert not hashed(runs, KEY) & hashed(runs, OTHER)


def test_a_document_that_is_written_out_shows_all_its_hashes_and_others_none():
    of = sketches({"a": text(0), "b": text(1)}, NONE, KEY)
    assert repeated([text(2), text(0)], of, KEY) == [len(of[0].hashes), 0]
    assert len(of[0].hashes) > 10


def test_hits_are_counted_within_one_text_and_the_most_counts():
    (of,) = sketches({"a": text(0)}, NONE, KEY)
    halves = text(0)[:320], text(0)[320:]
    found = [len(hashed(grams([half]), KEY)) for half in halves]
    assert repeated(halves, [of], KEY) == [max(found)]
    assert max(found) < len(of.hashes)


def test_a_run_that_stands_in_known_text_is_left_out():
    (whole,) = sketches({"a": text(0)}, NONE, KEY)
    (some,) = sketches({"a": text(0)}, grams([text(0)[:320]]), KEY)
    (none,) = sketches({"a": text(0)}, grams([text(0)]), KEY)
    assert 0 < len(some.hashes) < len(whole.hashes)
    assert none.hashes == ()


def test_a_sketch_does_not_name_its_document():
    (one,) = sketches({"books:quill": text(0)}, NONE, KEY)
    assert "quill" not in one.model_dump_json()
    assert (one.tokens, len(one.document)) == (640, 32)


def test_documents_with_too_few_hashes_are_counted():
    some = tuple(Sketch(document=str(n), tokens=9, hashes=("0" * 16,) * n) for n in range(4))
    what = Kept(key="", tokenizer="", forgotten=some, never_seen=(), losses={})
    assert what.unknowable(2) == 2  # those with 0 and with 1


def test_a_loss_is_of_documents_and_leaves_out_what_was_not_scored():
    logp = np.array([-1, -3, -4], dtype=np.float32)
    ones = np.ones(3, dtype=np.float32)
    sizes = np.array([8, 8, 8])
    told = Evidence(
        ("a", "b", "c"), np.array([0, 2, 3, 3]), logp, logp > -2, ones, ones, sizes, sizes
    )
    # (1 + 3) / 2 = 2 and 4: mean 3, deviation 1
    assert spread(told) == {"documents": 2.0, "mean": 3.0, "deviation": 1.0}


@settings(max_examples=25)
@given(
    st.floats(allow_infinity=False), st.lists(st.text("0123456789abcdef", max_size=16), max_size=4)
)
def test_what_is_written_is_read_back(tmp_path_factory, loss, hashes):
    path = tmp_path_factory.mktemp("kept") / kept.KEPT
    one = Sketch(document="d", tokens=3, hashes=tuple(hashes))
    what = Kept(
        key="k", tokenizer="t", forgotten=(one,), never_seen=(one, one),
        losses={"target": {"forget": {"mean": loss}}},
    )  # fmt: skip
    kept.write(what, path)
    back = kept.read(path)
    found = back.losses["target"]["forget"]["mean"]
    assert found == loss or (math.isnan(found) and math.isnan(loss))
    assert back.forgotten == (one,)
