import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.requesting import selected
from tasks.core.errors import ConfigError
from tasks.requests.request import LISTS, Request

WORDS = st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=4)
SELECTORS = st.dictionaries(st.sampled_from(LISTS), WORDS, min_size=1)


@pytest.fixture
def write(tmp_path):
    def written(text, name="asked.yaml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return written


def test_assignments_and_files_select_together(write):
    path = write("titles: [Emma]\ndated_from: 1815\n")
    assert selected([path, "authors=[Jane Austen, 'A, B']"]) == Request(
        titles=("Emma",), dated_from="1815", authors=("Jane Austen", "A, B")
    )


def test_what_looks_like_a_number_a_date_or_nothing_stays_as_it_is_written():
    ids = "doc_ids=[2402.10000, 0x1F, 2017-05-31, null, yes, 1e5, 007]"
    assert selected([ids]).doc_ids == (
        "2402.10000", "0x1F", "2017-05-31", "null", "yes", "1e5", "007",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("authors: [a]\nauthors: [b]\n", "a.yaml", "authors: given twice"),
        ('{"authors": ["a"], "authors": ["b"]}', "a.json", "authors: given twice"),
        ("autors: [secret]\n", "a.yaml", "autors: there is no such selector; did you mean 'auth"),
        ("authors: secret\n", "a.yaml", r"authors: not a list; write authors='\[\.\.\.\]'"),
        ("authors: [[secret]]\n", "a.yaml", "authors.0: "),
        ('{"authors": [7]}', "a.json", "authors.0: "),
        ('{"authors": {"secret": 1}}', "a.json", "authors.0: "),
        ("authors: [secret\n", "a.yaml", "a.yaml: not YAML, at line 2"),
        ("authors:\n\t- secret\n", "a.yaml", "not YAML, at line 2"),
        ("authors: [\x07secret]\n", "a.yaml", "not YAML"),
        ('{"authors": ["secret"', "a.json", "not JSON, at line 1"),
        ('["secret"]', "a.json", "not an object"),
        ("- secret\n", "a.yaml", "not a mapping"),
        ("", "a.yaml", "not a mapping"),
        (b"authors: [\xff\xfesecret]\n", "a.yaml", "cannot be read .UnicodeDecodeError."),
        ('{"authors": ["\\ud800"]}', "a.json", "authors.0: "),
        ("[" * 100_000, "a.json", "not JSON"),
        ('{"authors": ' + "[" * 100_000 + "]" * 100_000 + "}", "b.json", "not JSON"),
        ("a: &a [x,x]\nb: &b [*a,*a]\nauthors: [*b,*b]\n", "a.yaml", "a: there is no such"),
        ("? [a]\n: b\n", "a.yaml", "there is no such selector"),
        ('"a\\e[31m\u202e": [x]\n', "a.yaml", "there is no such selector"),
    ],
)
def test_a_file_that_cannot_be_meant_is_one_line_that_quotes_nothing(text, name, said, write):
    with pytest.raises(ConfigError, match=said) as caught:
        selected([write(text, name)])
    assert "secret" not in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["/nowhere.yaml", "/", "/dev/zero", "no\x1bwhere", "a" * 5000])
def test_what_is_no_file_is_refused(name):
    with pytest.raises(ConfigError, match=r"nor a file|cannot be read") as caught:
        selected([name])
    assert str(caught.value).isprintable()


def test_a_file_too_large_is_refused_unread(tmp_path):
    with (tmp_path / "a.yaml").open("wb") as file:
        file.truncate(64 * 2**20 + 1)
    with pytest.raises(ConfigError, match="more than 67,108,864 bytes"):
        selected([str(tmp_path / "a.yaml")])


@given(asked=SELECTORS)
@settings(max_examples=100)
def test_whatever_json_says_is_selected(asked, tmp_path_factory):
    path = tmp_path_factory.mktemp("asked") / "a.json"
    path.write_text(json.dumps(asked))
    request = selected([str(path)])
    assert {key: list(value) for key, value in request if value} == asked


@given(text=st.text(max_size=200))
@settings(max_examples=300)
def test_whatever_a_file_holds_is_a_request_or_one_line(text, tmp_path_factory):
    path = tmp_path_factory.mktemp("asked") / "a.yaml"
    path.write_text(text)
    try:
        selected([str(path)])
    except ConfigError as error:
        assert str(error).isprintable()
