"""Loading checkpoints: a new tiny Llama, a hub id, or a folder under data/models."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlhf_data import environment
from rlhf_data.errors import EngineError
from rlhf_data.models import chat_template, folders, loading, trial
from rlhf_data.params.training import LlamaSize

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

environment.settle()

PLAIN = ("PreTrainedTokenizerFast", "TokenizersBackend")  # a tokenizer that is tokenizer.json alone


def tokenizer(path: str | Path, revision: str | None = None) -> PreTrainedTokenizerBase:
    """The tokenizer that lies beside a checkpoint, with a chat template and a pad token of its own.

    Where it pads with its end of turn, or not at all, it gets a new token: a reward is read at the last token that is
    no padding, which must be the end of turn.
    """
    folder = loading.opened(path, revision, weights=False)
    trial.refuse_tokenizer(folder)
    family = _tokenizer_family(folder)
    found: Any = loading.loaded(lambda: family.from_pretrained(str(folder), trust_remote_code=False), path)
    try:
        found.chat_template = chat_template.single(found.chat_template)
        if found.chat_template is None:
            raise EngineError("its tokenizer has no chat template\n  name a chat model, or a folder that has one")
        if found.eos_token is None:
            raise EngineError("its tokenizer has no EOS token, at which an answer could end\n  name one in it")
        trial.refuse_template(found, chat_template.TRIED)
        chat_template.refuse_lost_texts(found)
    except EngineError as error:
        raise EngineError(f"{path}: {error}") from error
    if found.pad_token in (None, found.eos_token):
        found.add_special_tokens({"pad_token": "[PAD]"})
    return found


def _tokenizer_family(folder: Path) -> Any:
    """The class that opens the tokenizer; the plain one where it is that: to import all models takes 5 s."""
    said, model = (folders.settings(folder, name) for name in ("tokenizer_config.json", "config.json"))
    if said.get("tokenizer_class") in PLAIN and "auto_map" not in said and model.get("model_type", "llama") == "llama":
        from transformers import PreTrainedTokenizerFast

        return PreTrainedTokenizerFast
    from transformers import AutoTokenizer

    return AutoTokenizer


def fit_embeddings(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Resizes the embeddings where the tokenizer has more tokens than the model; new ones are drawn, always alike."""
    import torch

    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        with torch.random.fork_rng(devices=[]):  # the model is on the CPU still
            torch.default_generator.manual_seed(0)
            model.resize_token_embeddings(len(tokenizer))


def freeze(model: Any, layers: int) -> None:
    """Keeps the embeddings and the lowest `layers` as they are in a training; of 0, trains all.

    Raises `EngineError` where none is left to train.
    """
    import torch

    if not layers:
        return
    there = model.config.get_text_config().num_hidden_layers
    stacks = [one for one in model.base_model.modules() if isinstance(one, torch.nn.ModuleList) and len(one) == there]
    if layers >= there or len(stacks) != 1:
        raise EngineError(f"frozen_layers {layers}: the model has {there} layers\n  lower it, so that some are trained")
    for part in [model.get_input_embeddings(), *stacks[0][:layers]]:
        part.requires_grad_(False)


def for_inference(model: Any, tokenizer: Any) -> Any:
    """The model as `on_device` gives it, with an embedding for each of the tokenizer's tokens."""
    fit_embeddings(model, tokenizer)
    return on_device(model)


def on_device(model: Any) -> Any:
    """The model in evaluation mode, on the GPU where there is one."""
    import torch

    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval()


def end_ids(tokenizer: PreTrainedTokenizerBase, config: Any) -> set[int]:
    """Ids that end a turn: the tokenizer's EOS and those of generation_config.json, as vLLM takes them."""
    return {tokenizer.eos_token_id, *_ids(config.eos_token_id)}


def generation_ends(path: str | Path, revision: str | None = None) -> list[int]:
    """Ids at which a checkpoint stops, by its generation_config.json or else its config.json.

    Raises `EngineError` where it is none that can be loaded.
    """
    from transformers import AutoConfig

    folder = loading.opened(path, revision, weights=False)
    config = loading.loaded(lambda: AutoConfig.from_pretrained(str(folder), trust_remote_code=False), path)
    ends = folders.generation_ends(folder)
    return _ids(config.get_text_config().eos_token_id) if ends is None else ends


def _ids(named: int | Iterable[int] | None) -> list[int]:
    return [] if named is None else [named] if isinstance(named, int) else list(named)


def new_llama(size: LlamaSize, tokenizer: PreTrainedTokenizerBase, *, seed: int) -> PreTrainedModel:
    """A Llama with random weights that `seed` decides; input and output embeddings are tied."""
    from transformers import LlamaConfig, LlamaForCausalLM, set_seed

    set_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=size.hidden_size,
        intermediate_size=size.intermediate_size,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        max_position_embeddings=size.context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def causal(
    path: str | Path, *, precision: str, attention: str | None = None, revision: str | None = None
) -> PreTrainedModel:
    """A causal LM, from a folder or the hub; raises `EngineError` where it cannot be loaded."""
    from transformers import AutoModelForCausalLM

    model, missing = loading.model(AutoModelForCausalLM, path, precision, attention, revision)
    loading.refuse_random(missing, path, folders.AGAIN)
    return model


def reward(
    path: str | Path,
    *,
    precision: str,
    attention: str | None = None,
    revision: str | None = None,
    new_head: bool = True,
) -> PreTrainedModel:
    """A sequence classifier with one output: the reward.

    From a language model it gets a new, seeded head, or raises `EngineError` where `new_head` is false. All above the
    trunk computes in fp32 whatever the trunk does: in bf16 more than half of all rewards would be others' equals.
    """
    from transformers import AutoModelForSequenceClassification

    model, missing = loading.model(
        AutoModelForSequenceClassification, path, precision, attention, revision, num_labels=1
    )
    on_trunk = {name: part for name, part in model.named_children() if part is not model.base_model}
    for part in on_trunk.values():
        _compute_in_fp32(part)
    of_head = {name for name in missing if name.partition(".")[0] in on_trunk}
    loading.refuse_random(missing - of_head, path, folders.AGAIN)
    if not new_head:
        loading.refuse_random(of_head, path, "a language model gives no rewards: name a model that was trained to")
    if precision != "fp32":
        model.load_state_dict(_stored(loading.opened(path, revision), on_trunk), strict=False)
    return model


def _compute_in_fp32(part: Any) -> None:
    """Makes a module compute in fp32, under autocast too; its parameters keep their names."""
    import torch

    kind = type(part)

    def forward(self: Any, *given: Any) -> Any:
        with torch.autocast(given[0].device.type, enabled=False):
            return kind.forward(self, *(one.float() for one in given))

    part.__class__ = type(kind.__name__, (kind,), {"forward": forward, "stays_fp32": True})
    part.float()


def _stored(folder: Path, parts: Collection[str]) -> dict[str, Any]:
    """Tensors of these parts of a model as a folder's files have them, before they were rounded."""
    from safetensors import safe_open

    found = dict[str, Any]()
    for file in folder.glob("*.safetensors"):
        with safe_open(file, framework="pt") as tensors:
            names = [name for name in tensors.keys() if name.partition(".")[0] in parts]  # noqa: SIM118  # no mapping
            found |= {name: tensors.get_tensor(name) for name in names}
    return found


def save(model: Any, precision: str, folder: Path) -> None:
    """Saves a trained model at `precision`, but what is on a classifier's trunk in fp32, as it was trained."""
    import torch

    heads = [part for part in model.children() if getattr(part, "stays_fp32", False)]
    trained = [(parameter, parameter.data) for part in heads for parameter in part.parameters()]
    model.to(getattr(torch, loading.DTYPES[precision]))
    for parameter, data in trained:
        parameter.data = data
    model.save_pretrained(folder)
