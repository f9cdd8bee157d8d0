"""Instructions → a byte-level BPE tokenizer with its chat template, or the hub's own, tried before anything trains."""

from pathlib import Path

from rlhf_data import cli, notes, params
from rlhf_data.models import tokenizers
from rlhf_data.schemas import Instructions, Preferences, PromptPool
from rlhf_data.storage import tables
from rlhf_data.storage.atomic import atomically


def main(instructions: Path, preferences: Path, pool: Path, out: Path) -> None:
    profile = params.load()
    section = profile.tokenizer
    chats = tables.read(instructions, Instructions)["messages"]
    pairs = tables.read_parts(preferences, Preferences).items()
    said = {str(instructions): chats, str(pool): tables.read(pool, PromptPool)["prompt"]}
    systems = tokenizers.with_systems(said | {f"{preferences}/{name}": part["prompt"] for name, part in pairs})

    def save(folder: Path) -> None:
        if section.vocab_size is not None:
            size = tokenizers.train(chats.explode().struct.field("content"), folder, vocab_size=section.vocab_size)
        else:
            size = tokenizers.fetch(str(section.hub), section.revision, folder)
        notes.say(f"{size} tokens in the vocabulary")
        for note in tokenizers.checked(folder, profile.train_sft, systems=systems):
            notes.say(note)

    atomically(out, save)


if __name__ == "__main__":
    cli.run(main)
