from tasks.core.history import History


def test_a_first_event_may_forget_anything():
    assert not History().prevents("a")


def test_only_what_was_seen_and_not_forgotten_can_be_forgotten():
    history = History(seen=("a", "b"), forgotten=("b",))
    assert [history.prevents(one) for one in "abc"] == [
        "", "was forgotten before", "was never seen by the model",
    ]  # fmt: skip


def test_what_is_forgotten_next_is_added_once():
    assert History(seen=("a", "b"), forgotten=("b",)).after(("b", "a")).forgotten == ("a", "b")
