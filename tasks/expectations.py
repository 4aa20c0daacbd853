"""What is expected of the splits and of the target, in the words of Great Expectations.

Expectations see the facts of `tasks.data.facts` and never a text, so neither results nor Data Docs
can hold one. Importing this takes 2.5 s, so it is left to where something is to be judged.
"""

import json
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
import pyarrow.parquet as pq
from great_expectations.data_context.types.base import ProgressBarsConfig

from tasks.core.errors import DataError
from tasks.core.event import SPLITS, Split
from tasks.data import facts
from tasks.metrics import evidence
from tasks.metrics.statistics import auc, scored

if TYPE_CHECKING:
    from tasks.validate import ExpectationsConfig

DOC_ID = r"^(?!.*(?:^|[/:\\])\.\.(?:[/\\]|$))[^\x00-\x1f\x7f]{1,512}\Z"
COUNTS = {"result_format": "BASIC", "partial_unexpected_count": 0}
NAMED = {"result_format": "COMPLETE", "unexpected_index_column_names": ["doc_id"]}
PREPARE = "correct the source and curate again"
REPEATED = "ask for the documents that repeat it too"
FILLED = {
    "doc_id": "a doc_id",
    "domain": "a domain",
    "cluster": "a cluster",
    "tokens": "a token count",
    "assigned_to": "a document the assignment knows",
}


class Check(NamedTuple):
    """A suite and the table it is about; the table has a column ``doc_id`` to name rows by."""

    suite: str
    table: pd.DataFrame
    expectations: list[gxe.Expectation]


class Finding(NamedTuple):
    """What came of one expectation."""

    suite: str
    expectation: str
    success: bool
    observed: str
    way_out: str
    doc_ids: list[str]
    """Of rows that fail it; empty where it is about a whole table."""


def checks(folder: Path, config: "ExpectationsConfig") -> list[Check]:
    """What the splits in ``folder`` are held to; their columns alone where these are not right."""
    columns = Check("schema", facts.schema(folder), _schema_suite())
    if not (columns.table["type"] == columns.table["expected"]).all():
        return [columns]
    table = pq.read_table(folder / "assignment.parquet", columns=["doc_id", "split"]).to_pydict()
    assigned = dict(zip(table["doc_id"], table["split"], strict=True))
    plan = json.loads((folder / "plan.json").read_text())
    planned = {one["doc_id"] for name in ("matched", "added") for one in plan[name]}
    parts = {split: facts.read(folder / f"{split}.parquet", assigned) for split in SPLITS}
    domains = sorted(set(parts["forget"].facts["domain"].dropna()))
    by_document, overall = facts.shared(parts)
    return [
        columns,
        *(Check(s, parts[s].facts, _split_suite(s, domains, config)) for s in SPLITS),
        Check("request", facts.accounted(parts["forget"], assigned, planned), _request_suite()),
        Check("across", facts.across(parts), _across_suite()),
        Check("overlap by document", by_document, _overlap_suite(config)),
        Check(
            "comparison",
            pd.concat([facts.matching(parts), overall], axis=1),
            _comparison_suite(config),
        ),
    ]


def knowledge(folder: Path, config: "ExpectationsConfig") -> Check:
    """Whether lower loss tells forget from approximate, which the target never saw."""
    sides = [evidence.read(folder / f"{split}.parquet") for split in ("forget", "approximate")]
    members, nonmembers = (scored(side.means(side.logp)) for side in sides)
    table = pd.DataFrame({"auc": [auc(members, nonmembers)]})
    least = config.min_known_auc
    expectations = [
        _rule(gxe.ExpectColumnValuesToNotBeNull, "forget and approximate have scored documents",
              "evaluate longer documents", column="auc"),
        _rule(gxe.ExpectColumnValuesToBeBetween,
              f"the target's loss tells forget from approximate with an AUC of at least {least}",
              "train the target for longer, ask for text it was trained on, "
              "or lower expectations.min_known_auc", column="auc", min_value=least),
    ]  # fmt: skip
    return Check("knowledge", table, expectations)


def _schema_suite() -> list[gxe.Expectation]:
    return [
        _rule(gxe.ExpectColumnValuesToNotBeInSet, "every column is there", PREPARE,
              column="type", value_set=[facts.ABSENT]),
        _rule(gxe.ExpectColumnPairValuesToBeEqual, "every column has its type", PREPARE,
              column_A="type", column_B="expected"),
    ]  # fmt: skip


def _split_suite(
    split: Split, domains: list[str], config: "ExpectationsConfig"
) -> list[gxe.Expectation]:
    key = "min_forget_documents" if split == "forget" else "min_documents"
    larger = "ask for more" if split == "forget" else f"raise splits.{split}_tokens"
    documents, tokens = getattr(config, key), config.min_tokens
    low, high = config.min_document_tokens, config.max_document_tokens
    return [
        *(
            _rule(gxe.ExpectColumnValuesToNotBeNull, f"{split} has {what} in every row", PREPARE,
                  column=column)
            for column, what in FILLED.items()
        ),
        _rule(gxe.ExpectColumnValuesToBeUnique, f"{split} has every doc_id once", PREPARE,
              column="doc_id"),
        _rule(gxe.ExpectColumnValuesToMatchRegex, f"{split} has well-formed doc_ids", PREPARE,
              column="doc_id", regex=DOC_ID),
        _rule(gxe.ExpectColumnValuesToBeInSet, f"{split} has text that is UTF-8 without NUL",
              PREPARE, column="text_is_valid", value_set=[True]),
        _rule(gxe.ExpectColumnValuesToBeInSet, f"{split} has text that is not empty",
              "raise curation.min_characters", column="text_is_empty", value_set=[False]),
        _rule(gxe.ExpectColumnValuesToBeBetween, f"{split} has documents of {low} to {high} tokens",
              "change expectations.min_document_tokens or max_document_tokens",
              column="tokens", min_value=low, max_value=high),
        *_domain_rules(split, domains),
        _rule(gxe.ExpectColumnValuesToBeInSet, f"{split} has the documents assigned to it",
              PREPARE, column="assigned_to", value_set=[split]),
        _rule(gxe.ExpectTableRowCountToBeBetween, f"{split} has at least {documents} documents",
              f"{larger}, or lower expectations.{key}", min_value=documents),
        _rule(gxe.ExpectColumnSumToBeBetween, f"{split} has at least {tokens} tokens",
              f"{larger}, or lower expectations.min_tokens", column="tokens", min_value=tokens),
    ]  # fmt: skip


def _domain_rules(split: Split, domains: list[str]) -> list[gxe.Expectation]:
    """None for forget, whose ``domains`` these are."""
    match split:
        case "forget":
            return []
        case "general":
            kind, has = gxe.ExpectColumnValuesToNotBeInSet, "other domains than forget"
        case _:
            kind, has = gxe.ExpectColumnValuesToBeInSet, "the domains of forget"
    return [_rule(kind, f"{split} has {has}", PREPARE, column="domain", value_set=domains)]


def _request_suite() -> list[gxe.Expectation]:
    sides = {
        "present": "what is planned and assigned as forgotten is in the training data",
        "planned": "forget holds what the plan matched or added",
        "assigned": "the assignment calls forget what the plan does",
    }
    return [
        _rule(gxe.ExpectColumnValuesToBeInSet, text, PREPARE, column=side, value_set=[True])
        for side, text in sides.items()
    ]


def _across_suite() -> list[gxe.Expectation]:
    return [
        _rule(gxe.ExpectColumnValuesToBeInSet, f"{split} shares no {what} with {other}",
              "prepare the splits again, by cluster",
              column=f"{split}_{column}_in_{other}", value_set=[False])
        for split, others in facts.OTHERS.items()
        for other in others
        for column, what in (("id", "doc_id"), ("cluster", "cluster"), ("text", "exact text"))
    ]  # fmt: skip


def _overlap_suite(config: "ExpectationsConfig") -> list[gxe.Expectation]:
    most = config.max_document_shared
    return [
        _rule(gxe.ExpectColumnValuesToBeBetween,
              f"no forget document has more than {most} of its 13-grams in {other}",
              f"{REPEATED}, or raise expectations.max_document_shared",
              column=f"share_in_{other}", max_value=most)
        for other in facts.OTHERS["forget"]
    ]  # fmt: skip


def _comparison_suite(config: "ExpectationsConfig") -> list[gxe.Expectation]:
    most, ratio, years = config.max_shared, config.max_length_ratio, config.max_years_apart
    return [
        *(
            _rule(gxe.ExpectColumnValuesToBeBetween,
                  f"forget has at most {most} of its 13-grams in {other}",
                  f"{REPEATED}, or raise expectations.max_shared",
                  column=f"share_in_{other}", max_value=most)
            for other in facts.OTHERS["forget"]
        ),
        _rule(gxe.ExpectColumnValuesToBeBetween,
              f"approximate is within a factor of {ratio:g} of forget in median length",
              "curate more documents of that length, or raise expectations.max_length_ratio",
              column="length_ratio", max_value=ratio),
        _rule(gxe.ExpectColumnValuesToBeBetween,
              f"approximate is within {years:g} years of forget in median date",
              "curate more documents of that time, or raise expectations.max_years_apart",
              column="years_apart", max_value=years),
    ]  # fmt: skip


def _rule(kind: type[gxe.Expectation], says: str, way_out: str, **knobs: Any) -> gxe.Expectation:
    return kind(description=says, meta={"way_out": way_out}, **knobs)


class Judgement(NamedTuple):
    """What came of several suites."""

    results: dict[str, Any]
    """By suite, as Great Expectations has them."""
    findings: list[Finding]

    @property
    def complaint(self) -> str:
        """One line of what fails; empty if nothing does."""
        failed = [finding for finding in self.findings if not finding.success]
        if not failed:
            return ""
        first = failed[0]
        ids = ", ".join(ascii(doc_id)[:120] for doc_id in first.doc_ids[:3])
        others = f"; {len(failed) - 1} more rules fail" if failed[1:] else ""
        return (
            f"{first.expectation!r} does not hold: {first.observed}"
            f"{f' ({ids})' if ids else ''}: {first.way_out}{others}"
        )


def judge(checked: Sequence[Check], out: Path) -> str:
    """Keep result.json, summary.json and data_docs/ in ``out``; one line of what fails, if any."""
    memory = context(out / "data_docs")
    judgement = run(memory, checked)
    memory.build_data_docs()
    (out / "result.json").write_text(json.dumps(judgement.results, indent=1))
    shown = ("suite", "expectation", "success", "observed")
    summary = [{name: getattr(one, name) for name in shown} for one in judgement.findings]
    (out / "summary.json").write_text(json.dumps(summary, indent=1))
    return judgement.complaint


def run(memory: Any, checked: Sequence[Check]) -> Judgement:
    """Run every suite in the context ``memory``."""
    source = memory.data_sources.add_pandas("splits")
    judgement = Judgement({}, [])
    for suite, table, expectations in checked:
        rows = source.add_dataframe_asset(suite).add_batch_definition_whole_dataframe("rows")
        wanted = memory.suites.add(gx.ExpectationSuite(suite, expectations=expectations))
        definition = gx.ValidationDefinition(name=suite, data=rows, suite=wanted)
        result = memory.validation_definitions.add(definition).run(
            batch_parameters={"dataframe": table}, result_format=COUNTS
        )
        judgement.results[suite] = result.to_json_dict()
        batch = rows.get_batch({"dataframe": table})
        ordered = _in_order(result.results, expectations)
        judgement.findings.extend(_finding(suite, table, one, batch) for one in ordered)
    return judgement


def context(docs: Path) -> Any:
    """A context in memory that writes its pages to ``docs`` and nothing else anywhere."""
    for name in ("great_expectations", "great_expectations.data_context.types.base"):
        logging.getLogger(name).setLevel(logging.WARNING)
    memory = gx.get_context(mode="ephemeral")
    memory.variables.progress_bars = ProgressBarsConfig(globally=False)
    site = {
        "class_name": "SiteBuilder",
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "show_how_to_buttons": False,
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(docs),
        },
    }
    memory.update_data_docs_site("local_site", site)
    return memory


def _in_order(results: Iterable[Any], expectations: Sequence[gxe.Expectation]) -> list[Any]:
    """``results`` as their expectations were written down; they come grouped by column."""
    order = {one.description: at for at, one in enumerate(expectations)}
    return sorted(results, key=lambda result: order[result.expectation_config.description])


def _finding(suite: str, table: pd.DataFrame, result: Any, batch: Any) -> Finding:
    wanted = result.expectation_config
    doc_ids = [] if result.success or "doc_id" not in table else _offenders(wanted, batch)
    return Finding(
        suite=suite,
        expectation=wanted.description,
        success=bool(result.success),
        observed=_observed(table, wanted, result),
        way_out=wanted.meta["way_out"],
        doc_ids=doc_ids,
    )


def _offenders(wanted: Any, batch: Any) -> list[str]:
    """The rows that fail, by ``doc_id``; asked for apart, so that what is kept has counts alone."""
    result = batch.validate(wanted.to_domain_obj(), result_format=NAMED).result
    ids = (row["doc_id"] for row in result.get("unexpected_index_list") or [])
    return sorted({"no doc_id" if pd.isna(doc_id) else doc_id for doc_id in ids})


def _observed(table: pd.DataFrame, wanted: Any, result: Any) -> str:
    """What was found, in a few words that hold numbers alone."""
    told = result.result
    if not told:
        raise DataError(f"{wanted.description!r} could not be evaluated: {wanted.type}")
    if "observed_value" in told:
        return f"{told['observed_value']:,.5g}"
    amiss = f"{told['unexpected_count']} of {told['element_count']} rows amiss"
    column = table.get(wanted.kwargs.get("column"))
    if column is None or column.dtype != "float64" or column.isna().all():
        return amiss
    if len(table) == 1:
        return f"{column.iloc[0]:,.5g}"
    return f"{amiss}, values from {column.min():,.5g} to {column.max():,.5g}"
