"""Instructions + tokenizer → the SFT policy π₀, by supervised fine-tuning."""

from pathlib import Path

from rlhf_data import cli, params
from rlhf_data.models import tokenizers
from rlhf_data.schemas import Instructions
from rlhf_data.storage import fingerprints, journal, reports, tables
from rlhf_data.storage.atomic import atomically
from rlhf_data.training import trainers


def main(instructions: Path, tokenizer: Path, out: Path, log: Path, report: Path) -> None:
    profile = params.load()
    section = profile.train_sft
    messages = tables.read(instructions, Instructions).select("messages")
    tokens = tokenizers.count(messages["messages"], tokenizer)
    base = [section.base] if isinstance(section.base, str) else []
    job = fingerprints.training(section, instructions, tokenizer, *base, seed=profile.seed)

    with journal.folder("iter0", job, of=out) as work:

        def train(folder: Path) -> None:
            steps = trainers.train_sft(section, messages, tokenizer, seed=profile.seed, work=work, out=folder)
            reports.write_csv(steps, log)

        atomically(out, train)
    reports.write_json(tokenizers.lengths(tokens, max_length=section.max_length), report)


if __name__ == "__main__":
    cli.run(main)
