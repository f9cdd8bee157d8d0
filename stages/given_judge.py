"""Another's reward model, or scores that somebody's judge gave → the folder of a judge that is not trained here."""

from functools import partial
from pathlib import Path

from rlhf_data import cli, params
from rlhf_data.errors import ParamsError
from rlhf_data.judges import given_folder
from rlhf_data.storage.atomic import atomically


def main(out: Path) -> None:
    judge = params.load().judges.get(out.name)
    if judge is None or judge.kind not in ("reward", "recorded"):
        raise ParamsError(f"judges.{out.name}: `given_judges` names those of kind reward (with a model) or recorded")
    atomically(out, partial(given_folder.save, judge))


if __name__ == "__main__":
    cli.run(main)
