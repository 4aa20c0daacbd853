import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.gutenberg import body, cut, sections, stretches
from tasks.data.source import Document
from tasks.data.walk import Skipped

HEADER = """The Project Gutenberg EBook of The Lamplighter, by Marta Quill

This eBook is for the use of anyone anywhere at no cost.

Title: The Lamplighter
       of Orrinmouth

Author: Marta Quill and Tobias Oduya

Release Date: March 4, 2008 [EBook #1342]

"""
STORY = "".join(f"CHAPTER {n}\n\n" + f"The lamp of night {n} was lit.\n\n" * 60 for n in (1, 2, 3))
START = "*** START OF THIS PROJECT GUTENBERG EBOOK THE LAMPLIGHTER ***\n"
END = "*** END OF THIS PROJECT GUTENBERG EBOOK THE LAMPLIGHTER ***\nLicence follows.\n"


def read(folder, size=15_000):
    items = list(sections(folder, 1_000_000, size))
    return (
        [item for item in items if isinstance(item, Document)],
        [item.reason for item in items if isinstance(item, Skipped)],
    )


@pytest.mark.parametrize(
    "start",
    [
        START,
        "***START OF THE PROJECT GUTENBERG EBOOK, THE\nLAMPLIGHTER***\n",
        "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\n",
        "*** START OF THE PROJECT GUTENBERG ETEXT LAMPS ***\n",
    ],
)
@pytest.mark.parametrize(
    "end",
    [
        END,
        "***END OF THE PROJECT GUTENBERG EBOOK X***\n",
        "End of the Project Gutenberg EBook of X\n",
    ],
)
def test_header_and_footer_go(start, end):
    assert body(f"{HEADER}{start}\nThe story.\n\n{end}") == "The story."


def test_a_book_says_who_wrote_it_and_when_it_was_released(tmp_path):
    (tmp_path / "lamps.txt").write_text(HEADER + START + STORY + END, newline="\r\n")
    documents, skipped = read(tmp_path)
    assert skipped == []
    assert [document.doc_id for document in documents] == [
        f"books:pg1342:{n:03d}" for n in (1, 2, 3)
    ]
    first = documents[0]
    assert first.title == "The Lamplighter of Orrinmouth"
    assert first.author == ("Marta Quill", "Tobias Oduya")
    assert (first.date, first.group) == ("2008-03-04", "book:pg1342")
    assert first.text.startswith("CHAPTER 1\n\nThe lamp of night 1 was lit.")
    assert not any("Licence" in document.text for document in documents)


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("August, 1998  [Etext #7]", "1998-08"),
        ("June 2001", "2001-06"),
        ("1999", "1999"),
        ("?", None),
    ],
)
def test_release_dates(tmp_path, written, date):
    (tmp_path / "7.txt").write_text(f"Release Date: {written}\n\n{START}{STORY}")
    assert read(tmp_path)[0][0].date == date


def test_what_is_no_book_is_skipped_with_its_reason(tmp_path):
    (tmp_path / "1342.txt").write_text(HEADER + START + STORY)
    (tmp_path / "1342-0.txt").write_text(HEADER + START + STORY)
    (tmp_path / "cover.jpg").write_bytes(b"\xff\xd8")
    (tmp_path / "2.txt").write_bytes(b"caf\xe9")
    (tmp_path / "3.txt").write_text(HEADER + START + END)
    (tmp_path / "4.txt").write_bytes(b"a\0b")
    (tmp_path / "5.txt").write_text("x" * 1_000_001)
    assert sorted(read(tmp_path)[1]) == [
        "another file of the same book",
        "binary",
        "not UTF-8",
        "not a text",
        "nothing between header and footer",
        "oversized",
    ]


def test_an_old_file_is_read_in_the_encoding_it_names(tmp_path):
    text = f"Character set encoding: ISO-8859-1\n\n{START}The café was shut."
    (tmp_path / "6.txt").write_bytes(text.encode("latin-1"))
    assert read(tmp_path)[0][0].text == "The café was shut."


def test_the_lines_of_a_table_of_contents_are_no_sections():
    contents = "CHAPTER 1\nCHAPTER 2\nCHAPTER 3\n\n"
    assert len(cut(contents + STORY, 15_000)) == 3


@given(st.text(alphabet="ab \n", max_size=400), st.integers(20, 60))
def test_stretches_lose_only_white_space_and_keep_to_the_size(text, size):
    parts = list(stretches(text, size))
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(len(part) <= size for part in parts)
