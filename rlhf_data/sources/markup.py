r"""Special tokens of chat templates in a text: a conversation that was rendered cannot be taken apart again.

"<|im_start|>user\nName a fish.<|im_end|>", "[INST] Name a fish. [/INST]", "A carp. </s>"
"""

from __future__ import annotations

import re

SPECIAL = re.compile(
    r"<\|[A-Za-z_]\w*\|>"  # ChatML, Llama 3, Zephyr, Phi, Qwen: <|im_start|>, <|eot_id|>, <|user|>
    r"|\[/?INST\]|<</?SYS>>|</s>|<s>\s*\[INST\]"  # Llama 2, Mistral
    r"|<(?:start|end)_of_turn>"  # Gemma
    r"|<\uff5c[^<>\n]{1,40}\uff5c>"  # DeepSeek
)


def found(text: str) -> bool:
    """Whether a text holds such a token."""
    return ("<" in text or "[" in text) and SPECIAL.search(text) is not None
