"""A stranger's chat template and tokenizer on a few texts, in a process of its own that has little time and memory.

Run as a script by `trial`, which tells it what to try, and reads its exit code. It imports neither this
package nor transformers, so that it starts at once.
"""

from __future__ import annotations

import json
import resource
import string
import sys
from datetime import datetime
from typing import Any

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

BEGUN = "begun"
OUT_OF_MEMORY, TOO_LONG, TOO_LARGE_ID, BROKEN = 3, 4, 5, 6  # exit codes
MOST_CHARS = 10**6  # that a template makes of one conversation
LARGEST_ID = 2**24  # an embedding has as many rows
# Backtracking takes longest where a run of like letters ends with another; what a pattern looks for stands after it. At
# 10**7 steps of one match `tokenizers` gives up, and panics
RUNS = [unit * 200 + end + string.printable for unit in "aA \n\t0._'é語" for end in "!\x00ß"] + [
    unit * 100 + "!" + string.printable for unit in ("a ", "aA", "a1", "a.", " \n")
]


class Generation(jinja2.ext.Extension):
    """The block round what an assistant says, `{% generation %} … {% endgeneration %}`: here its body alone."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Any) -> Any:
        """The nodes of the body."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def environment() -> ImmutableSandboxedEnvironment:
    """Jinja's sandbox as transformers sets it up."""
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )

    def fail(said: str) -> None:
        raise jinja2.TemplateError(said)

    def tojson(value: Any, **how: Any) -> str:
        return json.dumps(value, **{"ensure_ascii": False, **how})

    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = fail
    made.globals["strftime_now"] = lambda how: datetime.now().strftime(how)  # as transformers does
    return made


def _render(source: str, conversations: list[Any], special: dict[str, Any]) -> None:
    template = environment().from_string(source)
    for messages in conversations:
        for prompt in (False, True):
            try:
                text = template.render(messages=messages, add_generation_prompt=prompt, **special)
            except MemoryError:
                raise
            except Exception:  # what fails at once is said where it is used
                continue
            if len(text) > MOST_CHARS:
                sys.exit(TOO_LONG)


def _tokenize(file: str) -> None:
    try:
        tokenizer = Tokenizer.from_file(file)
    except Exception:  # as above
        return
    if max(tokenizer.get_vocab(with_added_tokens=True).values(), default=0) > LARGEST_ID:
        sys.exit(TOO_LARGE_ID)
    for text in RUNS:
        tokenizer.encode(text, add_special_tokens=False)


def main() -> None:
    """Tries what standard input names, within the limits that it names."""
    asked = json.load(sys.stdin)
    for what, limit in ((resource.RLIMIT_CPU, asked["seconds"]), (resource.RLIMIT_AS, asked["memory"])):
        hard = resource.getrlimit(what)[1]
        resource.setrlimit(what, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    print(BEGUN, flush=True)
    try:
        if "file" in asked:
            _tokenize(asked["file"])
        else:
            _render(asked["template"], asked["conversations"], asked["special"])
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)
    except (jinja2.TemplateError, RecursionError):  # no template at all: that too is said where it is used
        pass
    except BaseException as error:
        sys.exit(error.code if isinstance(error, SystemExit) else BROKEN)  # a panic in Rust is no `Exception`


if __name__ == "__main__":
    main()
