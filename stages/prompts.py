"""prompt pool → one shard per iteration, dev and test shards that nothing is trained on, and the unused rest."""

from pathlib import Path

from rlhf_data import cli, params, prompts, tables, tokenization
from rlhf_data.schemas import PromptPool, Prompts, Rejects


def main(pool: Path, tokenizer: Path, out: Path, dropped: Path) -> None:
    profile = params.load()
    asked = tables.read(pool, PromptPool)
    counted = asked.with_columns(prompt_tokens=tokenization.count(asked["prompt"], tokenizer))

    usable, rejects = prompts.usable(counted, max_tokens=profile.prompts.max_tokens)
    shards = prompts.deal(
        usable,
        list(params.project().iterations),
        held_out=profile.held_out,
        per_iteration=profile.prompts.per_iteration,
        dev=profile.prompts.dev,
        test=profile.prompts.test,
        seed=profile.seed,
    )

    tables.write_parts(shards, out, Prompts)
    tables.write(rejects, dropped, Rejects)
    print(", ".join(f"{name} {shard.height}" for name, shard in shards.items()), f"dropped {rejects.height}", sep=", ")


if __name__ == "__main__":
    cli.run(main)
