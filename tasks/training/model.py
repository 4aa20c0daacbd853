"""Which weights a run starts from: trained here from a config, or somebody's checkpoint.

A checkpoint is only files somebody gave us: weights are read from safetensors alone, no code that
comes with them is run, and what does not fit together is refused before a weight is used.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import torch
from huggingface_hub import snapshot_download
from pydantic import Field, model_validator
from safetensors import SafetensorError, safe_open
from transformers import (
    CONFIG_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.modeling_layers import GradientCheckpointingLayer

from tasks.core.errors import ModelError
from tasks.core.event import Role
from tasks.core.settings import Settings
from tasks.core.variants import Section
from tasks.training.loop import OptimiserConfig

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
INDEX = "model.safetensors.index.json"
WANTED = ["*.safetensors", "*.json", "*.model", "*.txt", "*.jinja"]
"""What is fetched and kept of a checkpoint: weights, settings and tokenizer; nothing that runs."""


class ScratchConfig(Section):
    """A Llama small enough to be trained on the spot; the defaults make about a million weights."""

    vocabulary: int = Field(default=1024, ge=300, le=2**20, description="tokens, at most")
    hidden: int = Field(default=128, ge=8, le=16384, description="width")
    intermediate: int = Field(default=384, ge=8, le=65536, description="width of the MLP")
    layers: int = Field(default=4, ge=1, le=256)
    heads: int = Field(default=4, ge=1, le=256)
    context: int = Field(default=256, ge=16, le=2**20, description="tokens read at once")
    seed: int = Field(default=0, ge=0, lt=2**63, description="of the initial weights")

    @model_validator(mode="after")
    def _heads_have_pairs(self) -> Self:
        if self.hidden % (2 * self.heads):  # rotary positions turn pairs of a head's numbers
            raise ValueError(
                f"hidden={self.hidden} must be an even multiple of heads={self.heads}: change one"
            )
        return self


class ModelConfig(Section):
    """The target: trained here, or given by ``path``."""

    path: str = Field(
        default="", description="local folder or hub id; empty: trained here, from scratch"
    )
    revision: str = Field(
        default="",
        description="commit of the hub id, 40 hex digits; a local folder has none",
        json_schema_extra={"pattern": "^([0-9a-f]{40})?$"},  # for forms; ``pinned`` says more
    )
    scratch: ScratchConfig = ScratchConfig()
    epochs: float = Field(default=10, gt=0, le=1000, description="of training from scratch")
    optimiser: OptimiserConfig = OptimiserConfig(
        learning_rate=3e-3, schedule="cosine", warmup_steps=20, tokens_per_step=2048
    )

    earlier_share: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="of training from scratch, after which the target is kept as it is then, for "
        "the edit model_state; 0: not kept",
    )
    earlier_path: str = Field(
        default="", description="local folder of an earlier checkpoint of the model at path"
    )

    @model_validator(mode="after")
    def _earlier_is_its_own(self) -> Self:
        if self.earlier_path and not self.path:
            raise ValueError("an earlier_path belongs to a path; earlier_share is for training")
        return self

    @property
    def roles(self) -> tuple[Role, ...]:
        """The models that can be had before unlearning."""
        return ("target",) if self.path else ("target", "retrained")


def initial(config: ScratchConfig, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    """An untrained model for ``tokenizer``, the same weights for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model: Any = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(tokenizer),
                hidden_size=config.hidden,
                intermediate_size=config.intermediate,
                num_hidden_layers=config.layers,
                num_attention_heads=config.heads,
                num_key_value_heads=config.heads,
                max_position_embeddings=config.context,
                tie_word_embeddings=True,
                bos_token_id=tokenizer.bos_token_id,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        )
        untrained: PreTrainedModel = model.eval()
        return untrained


def pinned(config: ModelConfig) -> None:
    """Refuse a model that is neither trained here, nor a folder, nor a hub id at a commit.

    Raises:
        ModelError: there is no such folder, or a hub id comes without its commit.
    """
    if not config.path or Path(config.path).expanduser().is_dir():
        return
    if Path(config.path).is_absolute() or not re.fullmatch(r"\w[\w.-]*/[\w.-]+", config.path):
        raise ModelError(
            f"model.path={config.path}: no such folder; name one, or a hub id owner/name"
        )
    if not re.fullmatch("[0-9a-f]{40}", config.revision):
        raise ModelError(
            f"model.revision={config.revision}: {config.path} is a hub id; pin the commit to read "
            "it at, 40 hex digits, for a branch can change"
        )


def located(config: ModelConfig) -> Path:
    """The folder that holds the checkpoint, fetched from the hub where it is not local.

    Raises:
        ModelError: there is no such folder, or a hub id comes without its commit.
    """
    pinned(config)
    local = Path(config.path).expanduser()
    if local.is_dir():
        return local
    try:
        return Path(snapshot_download(config.path, revision=config.revision, allow_patterns=WANTED))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"model.path={config.path}: neither a folder here nor to be had from the hub "
            f"({type(error).__name__}); give a local folder"
        ) from None


def checked(folder: Path) -> None:
    """Refuse a checkpoint that is unsafe, incomplete or does not fit together.

    Raises:
        ModelError: naming the file and the rule it breaks.
    """
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"model.path={folder}: no config.json; save the model with save_pretrained"
        )
    config = _json(folder / "config.json")
    if "auto_map" in config:
        raise ModelError(
            f"model.path={folder}: config.json asks for code of its own (auto_map), which is never "
            "run; use an architecture transformers knows"
        )
    if "quantization_config" in config:
        raise ModelError(
            f"model.path={folder}: the weights are quantised, and only whole ones can be changed; "
            "give the model they were made from"
        )
    if (folder / "adapter_config.json").exists():
        raise ModelError(
            f"model.path={folder}: adapter_config.json points to weights elsewhere; merge the "
            "adapter into its model and save that"
        )
    if str(config.get("model_type")) not in CONFIG_MAPPING:
        raise ModelError(
            f"model.path={folder}: transformers knows no architecture {config.get('model_type')!r}"
        )
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        pickles = [path.name for path in folder.iterdir() if path.suffix in PICKLES]
        found = (
            f"found {', '.join(sorted(pickles))}, which is a pickle" if pickles else "found none"
        )
        raise ModelError(
            f"model.path={folder}: weights must be *.safetensors, {found}; convert with "
            "save_pretrained"
        )
    for path in weights:
        _header(path)
    _shards(folder)


def load(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The checked checkpoint in ``folder`` in fp32, dropout off, and its tokenizer.

    Raises:
        ModelError: the checkpoint is unsafe, incomplete or does not fit together.
    """
    checked(folder)
    _settings(folder)
    tokenizer = load_tokenizer(folder)
    model = _model(folder)
    rows = len(model.get_input_embeddings().weight)  # type: ignore[arg-type]
    largest = max(tokenizer.get_vocab().values())
    if largest >= rows:
        raise ModelError(
            f"model.path={folder}: the tokenizer produces id {largest} but the model embeds only "
            f"{rows}; use the tokenizer the model was trained with"
        )
    return model.eval(), tokenizer


def _settings(folder: Path) -> None:
    try:
        AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # a config can make the library fail in any way there is
        raise ModelError(
            f"model.path={folder}: config.json does not describe its architecture ({_said(error)})"
            "; save the model again with save_pretrained"
        ) from error


def _said(error: Exception) -> str:
    return " ".join([type(error).__name__, *str(error).split()])[:200]


def _model(folder: Path) -> PreTrainedModel:
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except Exception as error:  # a config can make the library fail in any way there is
        raise ModelError(
            f"model.path={folder}: the weights do not load ({_said(error)}); "
            "save the model again with save_pretrained"
        ) from error
    model: PreTrainedModel = loaded[0]
    _complete(folder, loaded[1])
    return model


def _complete(folder: Path, loading: dict[str, Iterable[object]]) -> None:
    """Refuse weights that the library would have made up: it fills what is missing at random."""
    absent = sorted(str(name) for name in [*loading["missing_keys"], *loading["mismatched_keys"]])
    if absent:
        raise ModelError(
            f"model.path={folder}: {len(absent)} weights are missing or of another shape, "
            f"{absent[0]} first; save the whole model with save_pretrained"
        )


def checkpoint_layers(model: PreTrainedModel) -> None:
    """Keep only what enters a layer; its inside is computed again for the gradient.

    The library does so for layers in training mode alone. The mark is set on each layer and not on
    what is in it, so dropout stays off and every number is the same.

    Raises:
        ModelError: the library cannot do so for this architecture.
    """
    layers = [one for one in model.modules() if isinstance(one, GradientCheckpointingLayer)]
    if not (layers and model.supports_gradient_checkpointing):
        raise ModelError(
            f"optimiser.gradient_checkpointing: not to be had for {type(model).__name__}; "
            "leave it out and lower max_batch_tokens"
        )
    model.activation_checkpointing_enable()
    for layer in layers:
        layer.training = True


def device() -> torch.device:
    """Where this process computes: its own GPU where there is one."""
    wanted = Settings().device
    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    return torch.device("cuda", torch.cuda.current_device())


def files(folder: Path) -> Iterator[Path]:
    """The files of a checkpoint that are worth keeping."""
    found = {path for pattern in WANTED for path in folder.glob(pattern) if path.is_file()}
    yield from sorted(found)


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer beside a checkpoint.

    Raises:
        ModelError: there is none that loads.
    """
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # its files can make the library fail in any way there is
        raise ModelError(
            f"model.path={folder}: no tokenizer that loads ({type(error).__name__}); "
            "put tokenizer.json and tokenizer_config.json beside the weights"
        ) from None
    return tokenizer


def _header(path: Path) -> None:
    try:
        with safe_open(path, framework="pt") as file:
            file.keys()
    except (SafetensorError, OSError) as error:
        raise ModelError(f"model.path: {path} is not a whole safetensors file ({error})") from None


def _shards(folder: Path) -> None:
    """Refuse an index that names anything but a file beside it."""
    if not (folder / INDEX).exists():
        return
    named = _json(folder / INDEX).get("weight_map")
    shards = [*map(str, named.values())] if isinstance(named, dict) and named else ["nothing"]
    for shard in sorted(set(shards)):
        if Path(shard).name != shard or not (folder / shard).is_file():
            raise ModelError(
                f"model.path={folder}: {INDEX} names {shard!r}, which is no file beside it; "
                "fetch the whole checkpoint"
            )


def _json(path: Path) -> dict[str, object]:
    try:
        content: dict[str, object] = json.loads(path.read_text())
    except (ValueError, RecursionError):
        raise ModelError(f"model.path: {path} is not JSON; the download is broken") from None
    if not isinstance(content, dict):
        raise ModelError(f"model.path: {path} is not a JSON object; the download is broken")
    return content
