"""params.yaml's profile, and the one that it starts from → every value in force, for DVC to watch each by its name."""

from pathlib import Path

from rlhf_data import cli, notes, params
from rlhf_data.params import merging
from rlhf_data.storage.atomic import atomically

MOVED = 6  # values that are said to differ; another profile has dozens


def main(profiles: Path, out: Path) -> None:
    name = params.project().profile
    values = merging.merged(name, profiles.parent)
    params.checked(values, str(profiles / f"{name}.yaml"))
    if (before := merging.in_force(out)) is not None:
        for line in merging.most_of(merging.moved(before, values), MOVED):
            notes.say(line)
    text = merging.written(values, name)
    atomically(out, lambda partial: partial.write_text(text, encoding="utf8"))


if __name__ == "__main__":
    cli.run(main)
