# ruff: noqa: E501  # a template is one line
"""Chat templates shaped as those of ten public families, and faults: each passes, or is named before training."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from rlhf_data.errors import EngineError
from rlhf_data.models import chat_template, checkpoints, tokenizers

GENERATES = "{% if add_generation_prompt %}"
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}"
    + GENERATES + "{{ '<|im_start|>assistant\\n' }}{% endif %}"
)  # fmt: skip
INST = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}"
    "{% elif m['role'] == 'assistant' %}{{ ' ' + m['content'] + eos_token }}{% else %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}{% endfor %}"
)
# family: the template, the end of a turn, BOS, whether it takes system messages
FAMILIES: dict[str, tuple[str, str, str | None, bool]] = {
    "ChatML": (CHATML, "<|im_end|>", None, True),
    "Llama 2": (
        "{% set system = messages[0]['content'] if messages[0]['role'] == 'system' else '' %}"
        "{% for m in messages if m['role'] != 'system' %}{% if m['role'] == 'user' %}{{ bos_token if loop.first else '' }}"
        "{{ '[INST] ' + ('<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' if system and loop.first else '') }}"
        "{{ m['content'] + ' [/INST]' }}{% else %}{{ ' ' + m['content'] + ' ' + eos_token }}{% endif %}{% endfor %}",
        "</s>", "<s>", True,
    ),
    "Llama 3": (
        "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\\n\\n' }}"
        "{{ m['content'] | trim + '<|eot_id|>' }}{% endfor %}" + GENERATES
        + "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}",
        "<|eot_id|>", "<|begin_of_text|>", True,
    ),
    "Gemma": (
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        "{% for m in messages %}{{ '<start_of_turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\\n' }}"
        "{{ m['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}" + GENERATES + "{{ '<start_of_turn>model\\n' }}{% endif %}",
        "<end_of_turn>", "<bos>", False,
    ),
    "Mistral": (INST, "</s>", "<s>", False),
    "Qwen": (
        "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nYou are helpful.<|im_end|>\\n' }}{% endif %}" + CHATML,
        "<|im_end|>", None, True,
    ),
    "Zephyr": (
        "{% for m in messages %}{{ '<|' + m['role'] + '|>\\n' + m['content'] + eos_token + '\\n' }}{% endfor %}"
        + GENERATES + "{{ '<|assistant|>\\n' }}{% endif %}",
        "</s>", "<s>", True,
    ),
    "Phi": (
        "{% for m in messages %}{{ '<|' + m['role'] + '|>\\n' + m['content'] + '<|end|>\\n' }}{% endfor %}"
        + GENERATES + "{{ '<|assistant|>\\n' }}{% endif %}",
        "<|end|>", None, True,
    ),
    "DeepSeek": (
        "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}{{ m['content'] }}{% elif m['role'] == 'user' %}"
        "{{ '<User>' + m['content'] }}{% else %}{{ '<Assistant>' + m['content'] + eos_token }}{% endif %}{% endfor %}"
        + GENERATES + "{{ '<Assistant>' }}{% endif %}",
        "<end-of-sentence>", "<begin-of-sentence>", True,
    ),
    "SmolLM": (
        "{% for m in messages %}{% if loop.first and m['role'] != 'system' %}"
        "{{ '<|im_start|>system\\nYou are SmolLM.<|im_end|>\\n' }}{% endif %}"
        "{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}"
        + GENERATES + "{{ '<|im_start|>assistant\\n' }}{% endif %}",
        "<|im_end|>", "<|im_start|>", True,
    ),
}  # fmt: skip
OWN = tokenizers.CHAT_TEMPLATE
PARTS = OWN.replace(
    "message['content']", "(message['content'] | selectattr('type', 'equalto', 'text') | map(attribute='text') | join)"
)


def tokenizer(template: str, *, end: str = "<|eot|>", bos: str | None = None, eos: str | None = None, pad: str = "<|pad|>",
              origin: Path) -> Any:  # fmt: skip
    """A small tokenizer with a family's special tokens and template."""
    from transformers import AutoTokenizer

    found: Any = AutoTokenizer.from_pretrained(str(origin))
    found.add_special_tokens({"additional_special_tokens": [one for one in (end, bos, eos, pad) if one]})
    found.chat_template, found.eos_token, found.bos_token, found.pad_token = template, eos or end, bos, pad
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_public_shapes_pass_or_say_what_they_do_not_take(family: str, tokenizer_dir: Path) -> None:
    template, end, bos, takes_system = FAMILIES[family]
    made = tokenizer(template, end=end, bos=bos, origin=tokenizer_dir)
    notes = chat_template.probe(made)
    assert [note for note in notes if "system message" in note] == ([] if takes_system else [notes[0]])
    if not takes_system:
        assert notes[0].startswith("the chat template takes no system message (")
        with pytest.raises(
            EngineError,
            match=r"takes no system message.*; there are some in data/instructions/train.parquet\n  leave conversations",
        ):
            chat_template.probe(made, systems=["data/instructions/train.parquet"])
    with pytest.raises(EngineError, match=r"does not mark what the assistant says.*\n  put \{% generation %\}"):
        chat_template.probe(made, learns_answers_alone=True)


def test_ends_of_a_generation_config_count(tokenizer_dir: Path) -> None:
    made = tokenizer(FAMILIES["Gemma"][0], end="<end_of_turn>", bos="<bos>", eos="<eos>", origin=tokenizer_dir)
    with pytest.raises(EngineError, match="ends a turn with '<end_of_turn>', but generation stops at '<eos>'"):
        chat_template.probe(made)
    chat_template.probe(made, ends=[made.convert_tokens_to_ids("<end_of_turn>")])


@pytest.mark.parametrize(("template", "said"), [
    (OWN.replace("<|eot|>", "<|im_end|>"), r"ends a turn with '<\|im_end\|>', but generation stops at '<\|eot\|>'"),
    (OWN.replace("+ '<|eot|>'", ""), "ends an answer with no token of its own"),
    (OWN.replace("{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}", ""), "does not put an answer where"),
    (OWN.replace("{{ '<|assistant|>' }}{% endif %}", "{{ '<|assistant|><think>' }}{% endif %}"), "does not put an answer"),
    (OWN.replace("message['content']", "message['content'][0]['text']"), "takes contents as lists of parts"),
    (PARTS, "takes contents as lists of parts alone"),
    (OWN.replace("message['content'] +", "message['content'] | upper +"), "loses or changes the text of the user's"),
    (OWN.replace("message['content'] +", "message['content'].split() | join(' ') +"), "loses or changes the text of"),
    (OWN.replace("{% generation %}{{", "{% generation %}{{ '<think>\n\n</think>\n\n' +"), ": it puts '<think>"),
    ("{{ '<|pad|>' }}" + OWN, r"writes '<\|pad\|>', which is the pad token"),
    ("{% for m in messages %}{{ m['content'] }}", "fails: "),
    ("{{ raise_exception('never') }}", "fails: never"),
    ("{% for message in messages %}{{ '<|user|>' }}{% endfor %}", "loses or changes the text of the user's turns"),
])  # fmt: skip
def test_a_fault_is_one_line_with_a_way_out(template: str, said: str, tokenizer_dir: Path) -> None:
    made = tokenizer(template, bos="<|im_end|>", origin=tokenizer_dir)
    made.bos_token = None
    with pytest.raises(EngineError, match=rf"\Athe chat template [^\n]*{said}[^\n]*\n  [^\n]+\Z"):
        chat_template.probe(made)


def test_bos_is_there_once(tokenizer_dir: Path) -> None:
    twice = FAMILIES["Llama 3"][0].replace("{{ bos_token }}", "{{ bos_token + bos_token }}")
    made = tokenizer(twice, end="<|eot_id|>", bos="<|begin_of_text|>", origin=tokenizer_dir)
    with pytest.raises(EngineError, match=r"begins with '<\|begin_of_text\|>' twice"):
        chat_template.probe(made)


@pytest.mark.parametrize(("template", "said"), [
    (OWN.replace("{% generation %}{{ message['content'] + '<|eot|>' }}{% endgeneration %}",
                 "{% generation %}{{ message['content'] }}{% endgeneration %}{{ '<|eot|>' }}"), "leaves the end of turn out"),
    (OWN.replace("{{ '<|' + message['role'] + '|>' + message['content'] + '<|eot|>' }}",
                 "{% generation %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|eot|>' }}{% endgeneration %}"),
     "marks the user's words"),
    (OWN.replace("{% generation %}", "").replace("{% endgeneration %}", ""), "does not mark what the assistant says"),
])  # fmt: skip
def test_what_sft_learns_is_what_the_assistant_says(template: str, said: str, tokenizer_dir: Path) -> None:
    chat_template.probe(
        tokenizer(OWN, origin=tokenizer_dir), learns_answers_alone=True, systems=["data/preferences/helpsteer"]
    )
    with pytest.raises(EngineError, match=said):
        chat_template.probe(tokenizer(template, origin=tokenizer_dir), learns_answers_alone=True)


def test_a_template_does_not_read_the_clock(tokenizer_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(tokenizer_dir, tmp_path / "dated")
    dated = (
        "{{ '<|system|>Today is ' + strftime_now('%d %b %Y') + ', ' + strftime_now( \"%H:%M:%S\" ) + '<|eot|>' }}" + OWN
    )
    (tmp_path / "dated/chat_template.jinja").write_text(dated)
    found: Any = checkpoints.tokenizer(tmp_path / "dated")
    text = found.apply_chat_template(chat_template.TALK, tokenize=False)
    assert text.startswith("<|system|>Today is 26 Jul 2024, 00:00:00<|eot|>")
    tokenizers.fetch(str(tmp_path / "dated"), None, tmp_path / "fetched")
    assert "strftime_now" not in (tmp_path / "fetched/chat_template.jinja").read_text()  # what fingerprints are of
