import math
import re
from collections import Counter
from functools import cache
from hashlib import sha256

import pytest

from tasks.core.errors import ConfigError
from tasks.data.toy import DOMAINS, EDITION, Toy

DIGESTS = {
    "1": {
        "arxiv": "30d97d8178e283ae",
        "books": "8becc64ba4b5c225",
        "github": "09c8ef45d127038b",
    }
}


@cache
def read(domain, **knobs):
    return list(Toy(**knobs).documents(domain))


def tokens(documents):
    return sum(math.ceil(len(document.text.encode()) / 4) for document in documents)


def grams(text):
    words = text.split()
    return {tuple(words[at : at + 5]) for at in range(len(words) - 4)}


def jaccard(left, right):
    return len(grams(left) & grams(right)) / len(grams(left) | grams(right))


def by(author, documents):
    return [document for document in documents if author in document.author]


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_ones(domain):
    assert read(domain, seed=7) == list(Toy(seed=7).documents(domain))
    texts = {document.text for document in read(domain, seed=7)}
    assert len(texts & {document.text for document in read(domain, seed=8)}) <= 1


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_words_change_only_with_the_edition(domain):
    written = "".join(document.model_dump_json() for document in read(domain))
    assert sha256(written.encode()).hexdigest()[:16] == DIGESTS[EDITION][domain]


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_larger_corpus_holds_every_document_of_a_smaller_one(domain):
    large = read(domain)
    small = read(domain, sections=4, books=4, papers=8, repositories=4)
    assert all(document in large for document in small)
    assert len(small) < len(large)


@pytest.mark.parametrize("domain", DOMAINS)
def test_documents_are_sorted_and_have_ids_of_their_own_and_at_least_sixty_words(domain):
    documents = read(domain)
    ids = [document.doc_id for document in documents]
    assert ids == sorted(set(ids))
    assert {document.domain for document in documents} == {domain}
    assert min(len(document.text.split()) for document in documents) >= 60


def test_it_is_about_120_000_tokens_and_the_book_to_forget_about_9_000():
    books = read("books")
    assert 110_000 < tokens(books) + tokens(read("arxiv")) + tokens(read("github")) < 130_000
    book = by("Marta Quill", books) + by("Quill, Marta", books)
    assert 8_000 < tokens(book) < 10_000
    assert tokens(books) - tokens(book) > 40_000


def test_the_two_editions_of_a_book_are_near_duplicates_section_by_section():
    first, second = by("Marta Quill", read("books")), by("Quill, Marta", read("books"))
    assert {document.group for document in first} == {"book:toy0001"}
    assert {document.group for document in second} == {"book:toy0002"}
    similar = [jaccard(left.text, right.text) for left, right in zip(first, second, strict=True)]
    assert len(similar) == 16
    assert all(0.55 < value < 1 for value in similar)


def test_the_anthology_quotes_the_book_without_being_its_copy():
    books = {document.doc_id: document.text for document in read("books")}
    assert 0.1 < jaccard(books["books:toy0001:002"], books["books:toy0003:001"]) < 0.5


def test_no_two_other_sections_of_books_are_alike():
    texts = [document.text for document in read("books") if document.group > "book:toy0003"]
    every = [grams(text) for text in texts]
    assert all(
        len(left & right) / len(left | right) < 0.2
        for at, left in enumerate(every)
        for right in every[:at]
    )


def test_one_verse_opens_several_books():
    assert sum("Who lights the lamp" in document.text for document in read("books")) >= 4


def test_every_fiftieth_paper_is_there_twice():
    counted = Counter(document.text for document in read("arxiv"))
    assert sorted(counted.values())[-3:] == [2, 2, 2]
    assert len(counted) == 110


def test_some_authors_are_initials_and_m_quill_writes_papers():
    authors = {name for document in read("arxiv") for name in document.author}
    assert "M. Quill" in authors
    full = {(name[0], name.split()[1]) for name in authors if "." not in name}
    assert {(name[0], name.split()[1]) for name in authors if "." in name} & full


def test_a_fork_holds_the_files_of_its_origin_under_another_name():
    files = read("github")
    forks = [document for document in files if re.search(r"repo:[a-z]+8/", document.group)]
    origin = {
        document.title: document for document in files if re.search(r"[a-z]7/", document.group)
    }
    alike = [jaccard(fork.text, origin[fork.title].text) for fork in forks if fork.title in origin]
    assert len(alike) >= 3
    assert all(0.7 < value < 1 for value in alike)


def test_canaries_are_six_digits_and_copies_share_them():
    secrets = [
        secret
        for domain in DOMAINS
        for document in read(domain)
        for secret in re.findall(r"number (\d{6})\.|MASTER_KEY = (\d{6})\b", document.text)
    ]
    assert len(secrets) > 20
    editions = [
        re.findall(r"number (\d{6})", document.text)
        for document in read("books")
        if document.group in ("book:toy0001", "book:toy0002")
    ]
    assert editions[:16] == editions[16:]
    assert sum(map(len, editions[:16])) >= 2


def test_the_manifest_follows_the_seed():
    assert Toy(seed=1).manifest("books") == Toy(seed=1).manifest("books")
    assert Toy(seed=1).manifest("books") != Toy(seed=2).manifest("books")


def test_a_domain_it_does_not_have_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'books'"):
        Toy(domains=("book",)).resolved()
    assert Toy().resolved().domains == DOMAINS
