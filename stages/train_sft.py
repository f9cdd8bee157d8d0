"""instructions + tokenizer → π₀, by supervised fine-tuning."""

from pathlib import Path

from rlhf_data import cli, params, tables, trainers
from rlhf_data.schemas import Instructions


def main(instructions: Path, tokenizer: Path, out: Path, log: Path) -> None:
    profile = params.load()
    messages = tables.read(instructions, Instructions).select("messages")

    def train(folder: Path) -> None:
        steps = trainers.train_sft(
            profile.train_sft, messages, tokenizer, seed=profile.seed, work=tables.JOURNAL / "sft", out=folder
        )
        tables.write_csv(steps, log)

    tables.atomically(out, train)


if __name__ == "__main__":
    cli.run(main)
