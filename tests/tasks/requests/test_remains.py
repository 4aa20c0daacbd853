from tasks.requests.remains import Remaining, Remains


def test_each_kind_is_a_line_with_its_count_and_its_day():
    remains = Remains(
        request="r-0123456789ab",
        remaining=(
            Remaining(kind="version_in_grace", count=2, until="2026-12-28"),
            Remaining(kind="tombstone", count=1200),
        ),
    )
    assert remains.lines == (
        "2 model versions that know it, revoked and kept until 2026-12-28",
        "1,200 tombstones: keyed digests that refuse it if it comes back",
    )
