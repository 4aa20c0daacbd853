from tasks.requests.plan import SHOWN, Plan, Planned, Suggestion, escaped, rendered


def plan(*matched: Planned, suggestions=()) -> Plan:
    return Plan(
        matched=matched, added=(), left=(), suggestions=suggestions,
        documents=len(matched), tokens=sum(one.tokens for one in matched),
    )  # fmt: skip


def test_a_plan_read_back_from_json_is_the_same_plan():
    one = plan(Planned(doc_id="a", reason="id 'a'", tokens=7))
    assert Plan.model_validate_json(one.model_dump_json()) == one


def test_the_rendering_counts_documents_and_tokens_of_each_list():
    shown = rendered(plan(*(Planned(doc_id=name, reason="why", tokens=1500) for name in "ab")))
    assert "2 documents, 3,000 tokens would be forgotten" in shown
    assert "matched: 2 documents, 3,000 tokens" in shown
    assert "  a: why" in shown


def test_a_long_list_is_cut_and_says_how_much_is_not_shown():
    many = (Planned(doc_id=f"doc{at}", reason="why", tokens=1) for at in range(SHOWN + 5))
    assert "  and 5 more" in rendered(plan(*many))


def test_what_a_corpus_or_a_request_holds_cannot_steer_a_terminal():
    hostile = Planned(doc_id="a\x1b[2J\nmatched: 9", reason="author '\u202eeno\u200b'", tokens=1)
    asked = Suggestion(field="titles", value="\x07", documents=1, because="\r")
    shown = rendered(plan(hostile, suggestions=(asked,)))
    assert all(letter.isprintable() or letter == "\n" for letter in shown)
    assert r"a\x1b[2J\nmatched: 9: author '\u202eeno\u200b'" in shown


def test_ordinary_letters_of_any_language_are_shown_as_they_are():
    assert escaped("Zo\u00eb \u041b\u0435\u0432 \u5f20") == "Zo\u00eb \u041b\u0435\u0432 \u5f20"
