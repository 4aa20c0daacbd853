from types import SimpleNamespace

from tasks.pages.tables import LISTED, checked, planned


def plan(reasons, ids=()):
    left = [{"doc_id": f"l:{at}", "reason": why, "tokens": 10} for at, why in enumerate(reasons)]
    matched = [{"doc_id": one, "reason": "asked", "tokens": 1} for one in ids]
    return SimpleNamespace(plan={"matched": matched, "added": [], "left": left})


def test_reasons_that_differ_by_document_alone_count_together():
    reasons = ["shares text with a:1 (Jaccard 0.31), short of a copy",
               "shares text with a:2 (Jaccard 0.42), short of a copy"]  # fmt: skip
    *_, left = planned(plan(reasons, ids=("a:1", "a:2")))
    assert left.reasons == [("shares text with another document, short of a copy", 2, 2 * 10)]


def test_reasons_are_listed_the_commonest_first_up_to_a_limit():
    *_, left = planned(plan(["often", "often", *(f"reason {at}" for at in range(LISTED + 4))]))
    assert left.reasons[0] == ("often", 2, 20)
    assert len(left.reasons) == LISTED
    assert left.more_reasons == 1 + LISTED + 4 - LISTED
    assert left.more == 2 + LISTED + 4 - LISTED


def test_expectations_are_counted_by_suite():
    checks = [{"suite": "forget", "success": True}, {"suite": "forget", "success": False},
              {"suite": "across", "success": True}]  # fmt: skip
    assert checked(SimpleNamespace(checks=checks)) == [("forget", 2, 1), ("across", 1, 1)]
