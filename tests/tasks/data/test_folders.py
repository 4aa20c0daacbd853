import os
from pathlib import Path

import pytest

from tasks.core.errors import ConfigError, DataError
from tasks.data.folders import Folders

PAPER = r"\documentclass{article}\title{Lamps}\begin{document}Lit.\end{document}"
BOOK = "Title: Lamps\n\n*** START OF THE PROJECT GUTENBERG EBOOK LAMPS ***\n\nLit at dusk.\n"
CODE = "def light(lamp):\n    return lamp\n\n\n" * 10


@pytest.fixture
def folders(tmp_path):
    for place, text in {
        "papers/lamps/main.tex": PAPER,
        "texts/pg7.txt": BOOK,
        "repositories/quill/lamps/lamps.py": CODE,
    }.items():
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_text(text)
    return Folders(
        latex=str(tmp_path / "papers"),
        gutenberg=str(tmp_path / "texts"),
        repositories=str(tmp_path / "repositories"),
    )


def test_every_folder_is_a_domain(folders):
    source = folders.resolved()
    ids = {domain: [d.doc_id for d in source.documents(domain)] for domain in source.domains}
    assert ids == {
        "arxiv": ["arxiv:lamps/main#fulltext"],
        "books": ["books:pg7:001"],
        "github": ["github:quill/lamps:lamps.py"],
    }


def test_a_folder_not_given_is_a_domain_not_there(folders):
    only = Folders(gutenberg=folders.gutenberg)
    assert only.resolved().domains == ("books",)
    with pytest.raises(ConfigError, match=r"'github' has no folder; set source\.repositories"):
        only.model_copy(update={"domains": ("github",)}).resolved()
    with pytest.raises(ConfigError, match="set latex, gutenberg or repositories"):
        Folders().resolved()


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"source\.latex: .* is not a folder"):
        Folders(latex=str(tmp_path / "missing")).resolved()


def test_a_folder_without_documents_says_what_it_skipped(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    source = Folders(gutenberg=str(tmp_path)).resolved()
    with pytest.raises(DataError, match=r"holds no document \(1 not a text\)"):
        list(source.documents("books"))


@pytest.mark.parametrize(
    ("field", "domain", "name"),
    [
        ("latex", "arxiv", "x.tex"),
        ("gutenberg", "books", "x.txt"),
        ("repositories", "github", "x.py"),
    ],
)
def test_links_are_counted_and_never_followed(folders, tmp_path, field, domain, name):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / name).write_text(PAPER + BOOK + CODE)
    place = Path(getattr(folders, field), "quill/lamps" if domain == "github" else "")
    before = [document.doc_id for document in folders.documents(domain)]
    (place / name).symlink_to(outside / name)
    (place / "linked").symlink_to(outside)
    (place / "loop").symlink_to(place / "loop")
    assert [document.doc_id for document in folders.documents(domain)] == before
    assert folders.skipped(domain)["symbolic link"] == 3


def test_pipes_and_odd_names_are_skipped(folders):
    os.mkfifo(f"{folders.gutenberg}/pipe.txt")
    with open(f"{folders.repositories}/quill/lamps/new\nline.py", "w") as opened:
        opened.write(CODE)
    with open(os.fsencode(f"{folders.repositories}/quill/lamps/") + b"\xff.py", "w") as opened:
        opened.write(CODE)
    assert folders.skipped("books") == {"not a regular file": 1}
    assert folders.skipped("github") == {"odd file name": 2}
    assert len(folders.manifest("github")) == 4


def test_the_manifest_changes_with_any_file_of_the_folder(folders):
    before = folders.manifest("github")
    with open(f"{folders.repositories}/quill/lamps/LICENSE", "w") as opened:
        opened.write("MIT")
    assert folders.manifest("github") != before
    assert folders.manifest("books") == folders.resolved().manifest("books")
