"""π₀, or the model that the params name → the LLM judge's folder: its checkpoint, or a file that names it."""

from functools import partial
from pathlib import Path

from rlhf_data import cli, params
from rlhf_data.errors import ParamsError
from rlhf_data.judges import llm_judge_folder
from rlhf_data.storage.atomic import atomically


def main(initial: Path, out: Path) -> None:
    judge = params.load().judges.get(out.name)
    if judge is None or judge.kind != "prompted":
        raise ParamsError(
            f"judges.{out.name} is no LLM judge (kind: prompted)\n  the stage `llm_judge` needs one of this name"
        )
    atomically(out, partial(llm_judge_folder.save, judge, initial))


if __name__ == "__main__":
    cli.run(main)
