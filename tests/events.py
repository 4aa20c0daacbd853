"""An unlearning event made of small real pieces: evidence, attacks and verdict as they are made."""

import json
import shutil
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tasks import ledger
from tasks.attack import AttackConfig, attack
from tasks.certify import certified
from tasks.compare import compare
from tasks.core.event import SEEN, SPLITS, Event
from tasks.core.record import RECORD, Record
from tasks.curate import curate
from tasks.data.curation import CurationConfig
from tasks.data.splits import SplitsConfig
from tasks.data.toy import Toy
from tasks.metrics import METRICS, evidence, scores
from tasks.metrics.evidence import Evidence
from tasks.metrics.gate import GateConfig
from tasks.metrics.metric import intervals
from tasks.metrics.statistics import Sampling
from tasks.prepare import prepare
from tasks.register import Registration, register
from tasks.report import report
from tasks.requests.chain import Head
from tasks.requests.deletion import Deletion, Draft
from tasks.requests.plan import Plan, portion
from tasks.requests.request import Request
from tasks.training.method import preset

HOSTILE = "<img src=x onerror=alert(1)>"
TEXT = "It was the best of forgotten times"
LEVELS = {"target": {"forget": 1.0}, "unlearned": {"forget": 2.9}, "retrained": {}}
"""Mean nats per token where it is not 3."""

SPENT = {
    role: {"parameters": 1_000_000, "tokens": tokens, "flops": 6e6 * tokens, "steps": 40,
           "seconds": tokens / 1e4, "peak_memory_bytes": 1.5e9}
    for role, tokens in {"target": 2_400_000, "unlearned": 40_000, "retrained": 2_000_000}.items()
}  # fmt: skip


def told(level, split, documents=60):
    """Evidence of documents of 20 tokens with losses around ``level``."""
    rng = np.random.default_rng([SPLITS.index(split), 7])
    means = rng.normal(level, 0.25, documents)
    logp = -np.abs(rng.normal(means[:, None], 0.3, (documents, 20))).ravel()
    ids = tuple(f"{split}:{at}" for at in range(documents))
    sizes = np.full(documents, 80)
    offsets = np.arange(documents + 1) * 20
    logp = logp.astype(np.float32)
    size = sizes // 2
    return Evidence(
        ids, offsets, logp, logp > -1, logp - 1, np.ones_like(logp), size, sizes, np.exp(means)
    )


def write_facts(data, documents=60):
    """The columns of the splits beside the text, under the ids of ``told``."""
    for split in SEEN:
        write_split(data, split, documents)
    (data.path / RECORD).write_text(data.model_dump_json())


def write_split(data, split, documents):
    facts = [
        {"doc_id": f"{split}:{at}", "author": ["A. Writer", HOSTILE][: 1 + at % 2], "group": "book:1",
         "date": "1999-05" if at % 3 else None, "text": TEXT}
        for at in range(documents)
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(facts), data.path / f"{split}.parquet")


def event_maker(artifacts):
    """Makes an Event; told by keyword: losses by role, plan, steps, passages, cost, revision."""

    def kept(kind, name, files, inputs=()):
        folder = artifacts / kind / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            path = folder / file
            path.parent.mkdir(exist_ok=True)
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        return Record(kind=kind, fingerprint=name, path=folder, inputs=inputs)

    def measured(role, levels):
        record = kept("evidence", f"e{role[:2]}", {}, (f"model/m{role[:2]}", "splits/d0"))
        values, sure = {}, {}
        for split in SPLITS:
            seen = told(levels.get(split, 3.0), split)
            evidence.write(seen, record.path / f"{split}.parquet")
            values[split] = {name: metric.value(seen) for name, metric in METRICS.items()}
            found = intervals(METRICS.values(), seen, Sampling(100, 0.95, 0))
            sure[split] = {name: one._asdict() for name, one in found.items()}
        scores.write(values, record.path / "scores.json")
        scores.write(sure, record.path / "intervals.json")
        return record

    def modelled(role, steps, spent):
        lines = "".join(json.dumps(step) + "\n" for step in steps)
        return kept(
            "model", f"m{role[:2]}", {"training.json": spent[role], "progress.jsonl": lines}
        )

    def make(
        levels=LEVELS, plan=None, steps=STEPS, passages=(TEXT,), spent=SPENT, revision=REVISION
    ):
        data = kept("splits", "d0", {"plan.json": plan or PLAN, "revision.json": revision})
        write_facts(data)
        validation = kept(
            "validation", "v0",
            {"summary.json": CHECKS, "data_docs/index.html": "all is well"}, ("splits/d0",),
        )  # fmt: skip
        models = {role: modelled(role, steps, spent) for role in levels}
        seen = {role: measured(role, by_split) for role, by_split in levels.items()}
        attacks = {role: attack.fn(one, AttackConfig(resamples=100)) for role, one in seen.items()}
        return Event(
            name="tiny",
            config={
                "source": {"name": "toy", "author": HOSTILE},
                "request": {
                    "authors": ["A. Writer"],
                    "titles": [HOSTILE],
                    "passages": list(passages),
                },
                "unlearn": {
                    "method": preset("ascent_descent").model_dump(mode="json"),
                    "steps": 40,
                    "optimiser": {"learning_rate": 3e-4},
                },
                "evaluate": SAMPLED,
                "gate": GateConfig().model_dump(mode="json"),
                "attack": SAMPLED,
            },
            data=data,
            validation=validation,
            models=models,
            evidence=seen,
            attacks=attacks,
            verdict=compare.fn(seen, attacks, models, GateConfig()),
            kept=kept("kept", "k0", {"kept.json": {"forgotten": []}}),
        )

    return make


@pytest.fixture(scope="session")
def copied_event(tmp_path_factory):
    """Copies an event to a folder of outputs; each is made once, for its intervals take a second."""
    made = {}

    def copy(artifacts, *levels, **told):
        if (key := repr((levels, told))) not in made:
            folder = tmp_path_factory.mktemp("event")
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("LETHE_ARTIFACTS", str(folder))
                made[key] = folder, event_maker(folder)(*levels, **told)
        folder, event = made[key]
        shutil.copytree(folder, artifacts, dirs_exist_ok=True)
        for record in artifacts.rglob(RECORD):
            record.write_text(record.read_text().replace(str(folder), str(artifacts)))
        return Event.model_validate_json(
            event.model_dump_json().replace(str(folder), str(artifacts))
        )

    return copy


@pytest.fixture
def an_event(artifacts, copied_event):
    return partial(copied_event, artifacts)


class Reported(NamedTuple):
    """An event and its report."""

    event: Event
    record: Record

    @property
    def page(self):
        return (self.record.path / "report.html").read_text()


@pytest.fixture(scope="session")
def usual(tmp_path_factory, copied_event):
    """The event that forgot, reported once, for the pictures take a second; to be read alone."""
    folder = tmp_path_factory.mktemp("usual")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LETHE_ARTIFACTS", str(folder))
        event = copied_event(folder)
        return Reported(event, report.fn(event))


SAMPLED = {"resamples": 100, "confidence": 0.95, "seed": 0}
STEPS = [
    {
        "step": at,
        "loss": -at / 20,
        "forget_loss": -1 - at / 20,
        "keep_loss": 3.0,
        "forget_nll": 1 + 1.95 * (1 - 0.9**at),
        "retain_nll": 3 + 0.002 * at + 0.02 * (at % 3),
        "approximate_nll": None if at % 2 else 3.0,
    }
    for at in range(1, 41)
]
PLAN = {
    "matched": [
        {"doc_id": f"forget:{at}", "reason": "author 'A. Writer'", "tokens": 20} for at in range(58)
    ],
    "added": [
        {"doc_id": HOSTILE, "reason": "the same text as forget:1", "tokens": 20},
        {"doc_id": "forget:copy", "tokens": 20,
         "reason": "near-duplicate of forget:2 (Jaccard 0.87)"},
    ],
    "left": [
        {"doc_id": f"near:{at}", "tokens": 20,
         "reason": f"shares text with forget:{at} (Jaccard 0.{30 + at}), short of a copy"}
        for at in range(3)
    ],
    "suggestions": [
        {"field": "authors", "value": "A Writer <b>", "documents": 2,
         "because": "may be the same person as 'A. Writer'; 0 of them go already"},
    ],
    "documents": 60,
    "tokens": 1200,
}  # fmt: skip
CHECKS = [
    {"suite": split, "expectation": f"{split} has every doc_id once", "success": True,
     "observed": "0 of 60 rows amiss"}
    for split in SPLITS
]  # fmt: skip
REVISION = {"workspace": "w", "revision": "ab" * 20, "md5": {s: f"{s}-md5" for s in SPLITS}}


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    """Making the tables takes seconds: they are made once, and copied."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def database(artifacts, empty_database):
    artifacts.mkdir()
    shutil.copyfile(empty_database, artifacts / "mlflow.db")
    uri = f"sqlite:///{artifacts / 'mlflow.db'}"
    return MlflowClient(uri, uri)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """A random model of 10,000 parameters that reads bytes."""
    folder = tmp_path_factory.mktemp("model")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bpe = Tokenizer(models.BPE({char: at for at, char in enumerate(alphabet)}, []))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=bpe).save_pretrained(folder)
    shape = LlamaConfig(
        vocab_size=256, hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=64,
        bos_token_id=None, eos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    LlamaForCausalLM(shape).save_pretrained(folder)
    return folder


def entry_maker(artifacts, checkpoint, an_event):
    """Makes the arguments of `register`: an event with real weights, and its report."""

    def make(*levels, **told):
        event = an_event(*levels, **told)
        shutil.copytree(checkpoint, event.models["unlearned"].path, dirs_exist_ok=True)
        folder = artifacts / "report" / "r0"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.html").write_text("<p>what came of it</p>")
        return event, Record(
            kind="report", fingerprint="r0", path=folder, config={"commit": "c0ffee"}
        )

    return make


@pytest.fixture
def an_entry(checkpoint, database, artifacts, an_event):
    return entry_maker(artifacts, checkpoint, an_event)


class Registered(NamedTuple):
    """An event that was registered, and a client of where it is."""

    event: Event
    registration: Registration
    client: MlflowClient

    @property
    def home(self):
        return self.event.data.path.parents[1]


@pytest.fixture(scope="session")
def registered_once(tmp_path_factory, checkpoint, empty_database, copied_event):
    """The usual event, registered once, for that takes seconds."""
    artifacts = tmp_path_factory.mktemp("registered") / "artifacts"
    artifacts.mkdir()
    shutil.copyfile(empty_database, artifacts / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LETHE_ARTIFACTS", str(artifacts))
        event, page = entry_maker(artifacts, checkpoint, partial(copied_event, artifacts))()
        made = register.fn(event, page)
    uri = f"sqlite:///{artifacts / 'mlflow.db'}"
    return Registered(event, made, MlflowClient(uri, uri))


@pytest.fixture
def registered(registered_once, monkeypatch):
    """The same, in the folder of outputs that it was made in; whoever changes it puts it back."""
    monkeypatch.setenv("LETHE_ARTIFACTS", str(registered_once.home))
    return registered_once


@pytest.fixture(scope="session")
def curated(tmp_path_factory):
    """A request, and the splits that answer it under DVC; made once: each run of DVC takes seconds."""
    source = Toy(sections=4, books=12, papers=12, repositories=6)
    sizes = SplitsConfig(
        retain_tokens=3000, general_tokens=3000, approximate_tokens=1000, test_tokens=1000
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LETHE_ARTIFACTS", str(tmp_path_factory.mktemp("curated")))
        corpus = curate.fn(source, CurationConfig())
        rows = pq.read_table(corpus.path / "documents/books.parquet").to_pylist()
        request = Request(authors=("Marta Quill",), passages=(rows[-1]["text"][20:80],))
        return request, prepare.fn(corpus, source, CurationConfig(), request, sizes)


class Issued(NamedTuple):
    """A request in a ledger, the registered version that answers it, and their certificate."""

    deletion: Deletion
    version: str
    record: Record
    head: Head
    data: Record
    """The splits; their text is what was forgotten, and what was kept."""

    @property
    def file(self):
        return self.record.path / "certificate.json"


@pytest.fixture(scope="session")
def issued_once(tmp_path_factory, checkpoint, empty_database, curated):
    """A certificate of a small real event; made once, for registering takes seconds."""
    artifacts = tmp_path_factory.mktemp("issued") / "artifacts"
    artifacts.mkdir()
    shutil.copyfile(empty_database, artifacts / "mlflow.db")
    request, data = curated
    told = {
        name: json.loads((data.path / f"{name}.json").read_text()) for name in ("plan", "revision")
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LETHE_ARTIFACTS", str(artifacts))
        asked = asked_for(request)
        event, report = entry_maker(artifacts, checkpoint, event_maker(artifacts))(**told)
        planned = portion(asked.id, Plan.model_validate(told["plan"]))
        read = tuple(f"forget:{at}" for at in range(20))  # of the 60 that the evidence is of
        takes = planned.model_copy(update={"matched": read})
        event = event.model_copy(update={"requests": (takes.model_dump(mode="json"),)})
        version = register.fn(event, report).model_version
        deletion = promoted(asked, event.verdict.fingerprint, version)
        head = ledger.head()
        return Issued(deletion, version, certified.fn(deletion, version, head), head, data)


def asked_for(request):
    return ledger.add(
        Draft(
            asked_by="subject-0042", ground="objection", received=datetime.now(UTC),
            request=request, models=("lethe-tiny",),
        )
    )  # fmt: skip


def promoted(asked, event, version):
    """The request with every move behind it that comes before it is certified."""
    for status in ("planned", "approved"):
        ledger.move(asked.id, status, by="officer-7", note="seen with the subject present")
    ledger.claim([asked.id], by="lethe", run="run-1")
    ledger.note_event([asked.id], "lethe-tiny", event, version)
    for status in ("verified", "promoted"):
        ledger.move(asked.id, status, by="lethe")
    return ledger.find(asked.id)


@pytest.fixture
def issued(issued_once, monkeypatch):
    """The same, in the folder of outputs that it was made in; whoever changes it puts it back."""
    monkeypatch.setenv("LETHE_ARTIFACTS", str(issued_once.record.path.parents[1]))
    return issued_once
