"""OpenAI's pairs of summaries → comparisons, or the posts and articles as prompts.

    {"info": {"post": "I adopted a dog ...", "title": "Dog barks at lift", "subreddit": "dogs", "article": null},
     "summaries": [{"text": " dog barks at lift"}, {"text": " i have a dog."}], "choice": 0, "split": "train",
     "extra": {"confidence": null}}

The paper gives no prompt. Several workers may judge the same two summaries: the first judgement stays, and `filters`
drops the others as duplicates or conflicting labels.
"""

from __future__ import annotations

from typing import Any

from rlhf_data.schemas import Message
from rlhf_data.sources import chats, fields
from rlhf_data.sources.about import About, Expected
from rlhf_data.sources.records import BadRecord, Comparison, Prompt

ABOUT = About(
    title="Summarization",
    url="https://huggingface.co/datasets/openai/summarize_from_feedback",
    licence="none (TL;DR corpus: CC-BY-4.0)",
    non_commercial=False,
    citation="Stiennon et al. (2020). Learning to Summarize from Human Feedback. arXiv 2009.01325",
    responses="LLM and human",
    annotator="human",
    expected=Expected(92_858),
)
ASKED = "Summarize the following {what}.\n\n{head}: {text}\n\nTL;DR:"
LEAVES = ("batch", "choice", "info.subreddit", "info.title", "summaries", "summaries.policy")


def preferences(record: Any, *, prompt: str, splits: list[str] | None) -> list[Comparison]:
    """`splits` are those of `split` to keep, as `valid2`, the held-out slice."""
    asked = _prompt(record, prompt, splits)
    summaries = fields.items(record, "summaries")
    if len(summaries) != 2:
        raise BadRecord("wrong_layout", f"{len(summaries)} summaries, not 2")
    texts = [fields.text(summary, "text") for summary in summaries]
    chosen = fields.choice(record, "choice")
    return [Comparison(asked, texts[chosen], texts[1 - chosen], annotator=ABOUT.annotator)]


def prompts(record: Any, *, prompt: str, splits: list[str] | None) -> list[Prompt]:
    return [Prompt(_prompt(record, prompt, splits))]


def _prompt(record: Any, prompt: str, splits: list[str] | None) -> list[Message]:
    """`prompt` is `instructed`, with a line that says what to do, or the `raw` post or article."""
    if splits is not None and (split := fields.text(record, "split")) not in splits:
        raise BadRecord("other_split", f"{split[:40]!r} is none of: {', '.join(splits)}")
    info = fields.value(record, "info")
    text = fields.text(info, "post", "article")
    if prompt == "raw":
        return chats.asked(text, "")
    title = fields.optional_text(info, "title")
    if fields.optional_text(info, "post"):
        head = f"SUBREDDIT: r/{fields.optional_text(info, 'subreddit')}\nTITLE: {title}\nPOST"
        return chats.asked(ASKED.format(what="Reddit post", head=head, text=text), "")
    return chats.asked(ASKED.format(what="news article", head=f"TITLE: {title}\nARTICLE", text=text), "")
