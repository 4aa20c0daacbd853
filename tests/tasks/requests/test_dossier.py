from tasks.requests.dossier import Dossier
from tasks.requests.request import Request

TEXT = "the first line, which is of more than thirty-two letters\nshort\n"
PASSAGE = "a passage that somebody pasted, long enough to be looked for"


def dossier():
    return Dossier(
        id="r-0123456789ab",
        models=("lethe-tiny",),
        request=Request(authors=("Ann Author",), licenses=("CC-BY-4.0",), passages=(PASSAGE,)),
        doc_ids=("paper-0001",),
        texts={"paper-0001": (TEXT,)},
    )


def test_ids_names_and_pieces_of_texts_and_passages_are_sought_and_no_licence():
    sought = dossier().sought()
    for held in ("see paper-0001.", "by Ann Author", TEXT, PASSAGE):
        assert held in sought
    assert "CC-BY-4.0" not in sought


def test_what_stays_elsewhere_is_counted_and_not_sought():
    sharp = dossier().sharpened([b"another work of Ann Author"])
    assert sharp.quoted == {"selector": 1}
    assert "Ann Author" not in {needle.text for needle in sharp.needles}
    assert Dossier.model_validate_json(sharp.model_dump_json()) == sharp


def test_nothing_of_it_is_shown_by_accident():
    assert not any(word in repr(dossier()) for word in ("Ann", "paper-0001", "letters", "pasted"))
