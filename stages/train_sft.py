"""instructions + tokenizer → π₀, by supervised fine-tuning."""

from pathlib import Path

from rlhf_data import cli, params, tables, tokenization, trainers
from rlhf_data.schemas import Instructions


def main(instructions: Path, tokenizer: Path, out: Path, log: Path, report: Path) -> None:
    profile = params.load()
    section = profile.train_sft
    messages = tables.read(instructions, Instructions).select("messages")
    tokens = tokenization.count(messages["messages"], tokenizer)

    def train(folder: Path) -> None:
        work = tables.JOURNAL / "sft"
        steps = trainers.train_sft(section, messages, tokenizer, seed=profile.seed, work=work, out=folder)
        tables.write_csv(steps, log)

    tables.atomically(out, train)
    tables.write_json(tokenization.lengths(tokens, max_length=section.max_length), report)


if __name__ == "__main__":
    cli.run(main)
