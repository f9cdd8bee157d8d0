"""params.yaml's profile, and the one that it starts from → every value in force, for DVC to watch each by its name."""

from pathlib import Path

from rlhf_data import cli, params
from rlhf_data.params import merging, yaml_text
from rlhf_data.storage.atomic import atomically


def main(profiles: Path, out: Path) -> None:
    name = params.project().profile
    values = merging.merged(name, profiles.parent)
    params.checked(values, str(profiles / f"{name}.yaml"))
    if out.exists():
        for line in merging.moved(yaml_text.loaded(out.read_bytes(), str(out)), values):
            print(line, flush=True)
    text = merging.written(values, name)
    atomically(out, lambda partial: partial.write_text(text, encoding="utf8"))


if __name__ == "__main__":
    cli.run(main)
