import pytest

from tasks.data.latex import papers, people, plain, without_comments
from tasks.data.source import Document
from tasks.data.walk import Skipped

MAIN = r"""% a private note
\documentclass{article}
\title[short]{On $x$ and
  {\'E}tudes\thanks{To nobody.}}
\author{Marta Quill\thanks{Somewhere} \and T. Oduya\\ University}
\begin{document}
\input{parts/one} and 50\% more. % why not
\include{two}
\end{document}
After the end.
"""


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def read(folder, max_bytes=10_000):
    items = list(papers(folder, max_bytes))
    return (
        [item for item in items if isinstance(item, Document)],
        [item.reason for item in items if isinstance(item, Skipped)],
    )


def test_inputs_are_merged_and_comments_dropped(tmp_path):
    write(
        tmp_path,
        {
            "2101.00012v2/main.tex": MAIN,
            "2101.00012v2/parts/one.tex": "One % never\n% never\ntwo",
            "2101.00012v2/two.tex": r"Three \input parts/three",
            "2101.00012v2/parts/three.tex": "four",
            "2101.00012v2/LICENSE": "Permission is hereby granted, free of charge, to any person "
            "obtaining a copy of this software",
        },
    )
    (paper,), skipped = read(tmp_path)
    assert skipped == []
    assert "One\ntwo and 50\\% more.\nThree four\n" in paper.text + "\n"
    assert "never" not in paper.text
    assert "private" not in paper.text
    assert "After the end" not in paper.text
    assert paper.doc_id == "arxiv:2101.00012v2#fulltext"
    assert (paper.date, paper.group) == ("2021-01", "arxiv-month:2021-01")
    assert paper.title == "On and Études"
    assert paper.author == ("Marta Quill", "T. Oduya")
    assert paper.license == "MIT"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../secret", "input outside the folder"),
        ("/etc/hostname", "input outside the folder"),
        ("nowhere", "input not there"),
        ("main", "input of itself"),
        ("huge", "input oversized"),
        ("binary", "input binary"),
        ("link", "input outside the folder"),
    ],
)
def test_an_input_that_cannot_be_merged_is_left_out_and_counted(tmp_path, name, reason):
    write(
        tmp_path,
        {
            "secret.tex": "SECRET",
            "papers/main.tex": f"\\documentclass{{article}} before \\input{{{name}}} after",
            "papers/huge.tex": "x" * 20_000,
            "papers/binary.tex": "\0",
        },
    )
    (tmp_path / "papers" / "link.tex").symlink_to(tmp_path / "secret.tex")
    documents, skipped = read(tmp_path / "papers")
    assert documents[0].text == r"\documentclass{article} before  after"
    assert reason in skipped


def test_inputs_that_double_end_at_the_size_that_is_allowed(tmp_path):
    # Without a limit, 40 levels of two inputs each would be 2^40 files.
    write(tmp_path, {f"{n}.tex": f"{n} \\input{{{n + 1}}} \\input{{{n + 1}}}" for n in range(40)})
    write(tmp_path, {"main.tex": r"\documentclass{article} \input{0}"})
    documents, skipped = read(tmp_path)
    assert len(documents[0].text) < 10_000
    assert "input oversized" in skipped


def test_a_file_that_is_no_paper_is_no_document(tmp_path):
    write(tmp_path, {"part.tex": "Only a part.", "old.tex": "%\\documentclass{article}"})
    (tmp_path / "latin.tex").write_bytes(b"\\documentclass{article} caf\xe9")
    assert read(tmp_path) == ([], ["not UTF-8"])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a % b", "a"),
        (r"a \% b % c", r"a \% b"),
        (r"a \\% b", r"a \\"),
        ("a\n% b\nc", "a\nc"),
        ("a\n\nb", "a\n\nb"),
        ("a\\begin{comment}b\n\\end{comment}c", "ac"),
        ("a\\begin{comment}b", "a"),
        ("a\\", "a\\"),
    ],
)
def test_comments(before, after):
    assert without_comments(before) == after


def test_names_and_titles_lose_their_commands():
    assert list(people(r"A. B\'er\c{c}o$^{1}$, \textbf{C. D} \and E~F\\ Inst")) == [
        "A. Bérço",
        "C. D",
        "E F",
    ]
    assert plain(r"The {\em K}-theory \& more\footnote{x}") == "The K-theory & more"
