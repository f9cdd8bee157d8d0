"""Instructions → a byte-level BPE tokenizer with its chat template, or the hub's own."""

from pathlib import Path

from rlhf_data import cli, params
from rlhf_data.models import tokenizers
from rlhf_data.schemas import Instructions
from rlhf_data.storage import tables
from rlhf_data.storage.atomic import atomically


def main(instructions: Path, out: Path) -> None:
    profile = params.load()
    section, learnt = profile.tokenizer, profile.train_sft.assistant_only_loss
    turns = tables.read(instructions, Instructions)["messages"].explode()
    texts, systems = turns.struct.field("content"), bool((turns.struct.field("role") == "system").any())

    def save(folder: Path) -> None:
        if section.vocab_size is not None:
            size = tokenizers.train(texts, folder, vocab_size=section.vocab_size)
        else:
            size = tokenizers.fetch(str(section.hub), section.revision, folder)
        print(f"{size} tokens in the vocabulary")
        for note in tokenizers.checked(folder, section.hub, section.revision, answers_alone=learnt, systems=systems):
            print(note)

    atomically(out, save)


if __name__ == "__main__":
    cli.run(main)
