import html
import json

from hypothesis import given
from hypothesis import strategies as st

from tasks.requests.needles import WIDTH, Needle, Needles, pieces


def ids(*names):
    return Needles(Needle("id", name) for name in names)


@given(st.binary(max_size=40), st.text(min_size=1, max_size=40), st.binary(max_size=40))
def test_a_needle_is_found_wherever_it_lies(before, text, after):
    needle = Needle("text", text)
    if not text.strip() or any(0xD800 <= ord(letter) < 0xE000 for letter in text):
        return
    content = b" " + before + b" " + text.encode() + b" " + after
    assert Needles([needle]).hold(content)


@given(st.lists(st.text("abc \n", min_size=8, max_size=12), min_size=1), st.text("abc \n"))
def test_what_is_found_is_there_and_what_is_there_is_found(texts, content):
    needles = Needles(Needle("text", text) for text in texts)
    found = {needle.text for needle in needles.within(content.encode())}
    spelled = {t for t in texts if t.strip() and (t in content or json.dumps(t)[1:-1] in content)}
    assert found == spelled


def test_json_and_html_spell_it_otherwise_and_are_found_too():
    needles = ids('Åsa "the <pen>" Quill')
    assert json.dumps('Åsa "the <pen>" Quill') in needles
    assert html.escape('Åsa "the <pen>" Quill') in needles
    assert 'Asa "the <pen>" Quill' not in needles


def test_a_short_id_counts_only_where_it_stands_alone():
    assert '{"doc_id": "7"}' in ids("7")
    assert "1977 and 7.5" not in ids("7")


def test_what_stays_decides_which_needles_are_left_out():
    needles = Needles(
        [Needle("id", "toy:paper.1"), Needle("id", "toy:paper.3"), Needle("selector", "Ann Author")]
    )
    found, out = needles.beside([b'["toy:paper.12", "Ann Author", "see toy:paper.3"]'])
    # paper.1 is only a part of paper.12, so it is looked for where it stands alone.
    assert [needle.text for needle in found.needles] == ["toy:paper.1"]
    assert out == {"id": 1, "selector": 1}
    assert "toy:paper.12" not in found
    assert "toy:paper.1, toy:paper.12" in found


def test_a_sentence_that_another_text_holds_is_left_out():
    needles = Needles(Needle("text", text) for text in ("a sentence of both", "a sentence of one"))
    found, out = needles.beside([b"it has a sentence of both in it"])
    assert [needle.text for needle in found.needles] == ["a sentence of one"]
    assert out == {"text": 1}


def test_pieces_cover_each_line_and_short_lines_only_where_there_are_no_others():
    text = "x" * WIDTH + "y" * WIDTH + "rest\nshort line here\n"
    assert pieces(text) == ["x" * WIDTH, "y" * WIDTH]
    assert pieces("\nshort line here\nno\n") == ["short line here"]
    assert pieces("no") == []
