"""Downstream tasks, asked and scored by EleutherAI's language model evaluation harness.

Gao et al., *A framework for few-shot language model evaluation*; the tasks of arXiv:2402.15159 are
its ``mmlu``, ``arc_challenge``, ``humaneval`` and ``gsm8k``. It is loaded when it is needed: it is
an extra, and slow to import.
"""

import logging
import math
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any, NamedTuple

import torch
from transformers import PreTrainedModel
from transformers import PreTrainedTokenizerBase as Tokenizer

from tasks.core.errors import ConfigError, DataError
from tasks.core.variants import nearest
from tasks.metrics.answers import Answers
from tasks.metrics.cloze import Item

CLOZE = "cloze"
"""The task that is made from held-out text; all others are the harness's or the user's own."""

FEWSHOT_SEED = 1234
"""Of the solved examples, as the harness's own command has it."""

ALLOW_CODE = "HF_ALLOW_CODE_EVAL"


class Questions(NamedTuple):
    """What is asked, and how the model is run."""

    tasks: Sequence[str]
    folder: str
    """Of tasks of one's own, as YAML of the harness; empty: none."""
    max_items: int
    """Of each task, the first; a group of tasks has as many of each."""
    batch_size: int
    bfloat16: bool
    runs_code: bool
    """Whether tasks may run, on this machine, the code that a model wrote."""


def asked(
    network: PreTrainedModel, tokenizer: Tokenizer, questions: Questions, items: Sequence[Item]
) -> list[Answers]:
    """Tasks of the harness, or one's own: every metric that has a number for each item.

    ``items`` are those of CLOZE.

    Raises:
        ConfigError: the harness is not installed, a task is not known or may not be run.
        DataError: the questions of a task are not to be had.
    """
    lm_eval = installed()
    from lm_eval.models.huggingface import HFLM

    with _code(allowed=questions.runs_code):
        tasks = _tasks(questions, items)
        model = HFLM(
            pretrained=network,
            tokenizer=tokenizer,
            batch_size=questions.batch_size,
            mixed_precision_dtype=torch.bfloat16 if questions.bfloat16 else None,
            add_bos_token=False if _ends(tokenizer) else None,
        )
        # and not ``simple_evaluate``, which seeds global generators and asks the hub for the model
        told = lm_eval.evaluate(
            model,
            {"tasks": {leaf.task_name: leaf for leaves in tasks.values() for leaf in leaves}},
            limit=questions.max_items,
            bootstrap_iters=0,
            confirm_run_unsafe_code=questions.runs_code,
        )
    return [
        answers
        for name, leaves in tasks.items()
        for answers in _answers(name, [leaf.task_name for leaf in leaves], told)
    ]


def installed() -> Any:
    """The harness.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import lm_eval
    except ImportError:
        raise ConfigError(
            "downstream tasks need the evaluation harness: pip install 'lethe[downstream]'"
        ) from None
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    return lm_eval


def _tasks(questions: Questions, items: Sequence[Item]) -> dict[str, list[Any]]:
    """The tasks of each name: one, or those of a group."""
    from lm_eval.tasks import TaskManager

    own = TaskManager(include_path=questions.folder or None, include_defaults=False)
    bundled = {*questions.tasks} - {CLOZE, *own.task_index}
    manager = TaskManager(include_path=questions.folder or None) if bundled else own
    found: dict[str, list[Any]] = {}
    for name in questions.tasks:
        if name != CLOZE:
            _permitted(name, manager, questions)
        leaves = _loaded(name, _made(items) if name == CLOZE else name, manager)
        if not questions.runs_code and any(getattr(one, "UNSAFE_CODE", False) for one in leaves):
            raise _unsafe(name)
        found[name] = leaves
    return found


def _permitted(name: str, manager: Any, questions: Questions) -> None:
    """Refuse what is not known or runs code, before anything of it is loaded."""
    from lm_eval.tasks._yaml_loader import load_yaml

    if name not in manager.task_index:
        near = nearest(name, get_close_matches(name, manager.all_tasks) or [CLOZE])
        raise ConfigError(f"downstream.tasks={name}: the harness has no such task{near}")
    path = manager.task_index[name].yaml_path
    told = load_yaml(path, resolve_func=False, recursive=True) if path else {}
    if told.get("unsafe_code") and not questions.runs_code:
        raise _unsafe(name)


def _unsafe(name: str) -> ConfigError:
    return ConfigError(
        f"downstream.tasks={name}: it runs on this machine the code that the model writes; where "
        "nothing can come to harm, say downstream.runs_code=true"
    )


def _loaded(name: str, spec: Any, manager: Any) -> list[Any]:
    try:
        tasks = list(manager.load([spec])["tasks"].values())
    except Exception as error:  # a task's own code and any source of data may fail as they like
        raise DataError(
            f"downstream.tasks={name}: its questions are not to be had "
            f"({type(error).__name__}); most come from the hub, which takes a network or "
            "what was fetched before"
        ) from error
    for one in tasks:
        if one.get_config("num_fewshot") is None:
            one.set_config(key="num_fewshot", value=0)
        one.set_fewshot_seed(seed=FEWSHOT_SEED)
    return tasks


def _made(items: Sequence[Item]) -> dict[str, Any]:
    """CLOZE as the harness takes it; the questions stay in memory."""
    from datasets import Dataset

    rows = Dataset.from_list([item._asdict() for item in items])
    return {
        "task": CLOZE,
        "custom_dataset": lambda **_: {"test": rows},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "context",
        "doc_to_choice": "choices",
        "doc_to_target": "answer",
        "metric_list": [{"metric": "acc"}],
    }


def _answers(name: str, leaves: Iterable[str], told: Mapping[str, Any]) -> Iterator[Answers]:
    """The metrics of a task, the items of its ``leaves`` together."""
    leaves = list(leaves)
    by_metric: dict[str, list[tuple[str, float, float]]] = defaultdict(list)
    for leaf in leaves:
        for sample in told["samples"][leaf]:
            item = f"{leaf}:{sample['doc_id']}" if len(leaves) > 1 else str(sample["doc_id"])
            for metric in sample["metrics"]:
                value = sample[metric]
                if isinstance(value, int | float):
                    full = metric if sample["filter"] == "none" else f"{metric},{sample['filter']}"
                    chance = _chance(metric, sample, told["configs"][leaf])
                    by_metric[full].append((item, float(value), chance))
    shots = max(int(told["n-shot"][leaf]) for leaf in leaves)
    for metric, rows in by_metric.items():
        items, values, chances = zip(*rows, strict=True)
        yield Answers(name, metric, math.fsum(chances) / len(chances), shots, items, values)


def _chance(metric: str, sample: Mapping[str, Any], config: Mapping[str, Any]) -> float:
    """Of being right by guessing among choices; NaN for what is no share of right choices."""
    if config["output_type"] != "multiple_choice" or metric not in ("acc", "acc_norm"):
        return math.nan
    return 1 / len({arguments[1] for arguments in sample["arguments"]})


def _ends(tokenizer: Tokenizer) -> bool:
    """Whether it closes a text with a mark of its end, after which no question can go on."""
    ids = tokenizer("a", add_special_tokens=True)["input_ids"]
    return bool(ids) and ids[-1] == tokenizer.eos_token_id


@contextmanager
def _code(*, allowed: bool) -> Iterator[None]:
    """What the ``evaluate`` library asks for before it runs code, and only meanwhile."""
    if not allowed:
        yield
        return
    before = os.environ.get(ALLOW_CODE)
    os.environ[ALLOW_CODE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[ALLOW_CODE]
        else:
            os.environ[ALLOW_CODE] = before
