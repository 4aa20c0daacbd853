import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.halves import half


def assigned(*clusters):
    """A row for every (cluster, tokens)."""
    rows = [
        {"doc_id": f"d{at}", "cluster": name, "tokens": tokens}
        for at, (name, tokens) in enumerate(clusters)
    ]
    return pd.DataFrame(rows)


ROWS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.integers(1, 50)), min_size=2, max_size=20
).filter(lambda rows: len({name for name, _ in rows}) > 1)


@given(ROWS, st.integers(0, 3))
def test_no_cluster_is_on_both_sides_and_neither_side_is_empty(rows, seed):
    table = assigned(*rows)
    taught = table["doc_id"].isin(half(table, seed))
    assert 0 < taught.sum() < len(table)
    assert not {*table["cluster"][taught]} & {*table["cluster"][~taught]}
    # the sides differ by one cluster at most, the largest
    largest = table.groupby("cluster")["tokens"].sum().max()
    assert abs(table["tokens"][taught].sum() - table["tokens"][~taught].sum()) <= largest


def test_the_order_of_rows_changes_nothing_and_the_seed_decides_which_half():
    table = assigned(*[(f"c{at}", 10) for at in range(8)])
    assert {*half(table, 0)} == {*half(table.iloc[::-1], 0)}
    assert len({frozenset(half(table, seed)) for seed in range(8)}) > 1
