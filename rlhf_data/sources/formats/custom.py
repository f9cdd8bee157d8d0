"""Anyone's own records → rows of any kind: the params say which field holds what; dots lead into objects and lists.

    params: {format: custom, kind: preferences, path: mine.jsonl, prompt: task.question, chosen: answers.0.text,
             rejected: answers.1.text, chosen_score: answers.0.stars, rejected_score: answers.1.stars}
    record: {"task": {"question": "Name a fish."}, "answers": [{"text": "A carp.", "stars": 5},
                                                              {"text": "A whale.", "stars": 1}]}

A field is text (a question, an answer, or a whole dialogue with `Human:` and `Assistant:` tags) or a list of messages.
Preferences are `chosen` and `rejected`, with `prompt` where they do not hold it; or one `response` a record with its
`score`, paired with the others to the same `prompt`; or `first` and `second` with a `label`, or several that vote
(several fields, or one that holds a list).
Instructions are `messages`, or `prompt` and `response`.
"""

from __future__ import annotations

from typing import Any

from rlhf_data.schemas import Message
from rlhf_data.sources import chats, fields, transcripts
from rlhf_data.sources.labels import Sign, Values, preferred
from rlhf_data.sources.records import BadRecord, Comparison, Conversation, Prompt, Response


def preferences(
    record: Any,
    *,
    prompt: str | None,
    system: str | None,
    chosen: str | None,
    rejected: str | None,
    chosen_score: str | None,
    rejected_score: str | None,
    response: str | None,
    score: str | None,
    first: str | None,
    second: str | None,
    label: str | list[str] | None,
    labels: Values | Sign | None,
    annotator: str,
    annotator_field: str | None,
) -> list[Comparison] | list[Response]:
    """Null scores, and absent ones, are none; of a response alone the score is needed."""
    said_by = fields.optional_at(record, annotator_field)
    annotator = annotator if said_by is None else fields.as_text(said_by, f"field {annotator_field!r}")
    if first is not None:
        votes = _votes(record, [label] if isinstance(label, str) else label or [])
        chosen, rejected = (first, second) if preferred(votes, labels) == 0 else (second, first)
    if response is not None:
        found = fields.as_number(fields.at(record, score), f"field {score!r}")
        asked = _prompt(record, prompt, system)
        return [Response(asked, _answer(record, response, asked), found, annotator)]
    scores = [_score(record, name) for name in (chosen_score, rejected_score)]
    if prompt is None:
        comparison = transcripts.final_turns(_dialogue(record, chosen, system), _dialogue(record, rejected, system))
    else:
        asked = _prompt(record, prompt, system)
        comparison = Comparison(asked, _answer(record, chosen, asked), _answer(record, rejected, asked))
    return [comparison._replace(chosen_score=scores[0], rejected_score=scores[1], annotator=annotator)]


def instructions(
    record: Any, *, prompt: str | None, system: str | None, response: str | None, messages: str | None
) -> list[Conversation]:
    if messages is not None:
        return [Conversation(_dialogue(record, messages, system, learnt=True))]
    asked = _prompt(record, prompt, system)
    return [Conversation(chats.answered(asked, _answer(record, response, asked)))]


def prompts(record: Any, *, prompt: str | None, system: str | None, messages: str | None) -> list[Prompt]:
    if messages is not None:
        return [Prompt(chats.before_answer(_dialogue(record, messages, system)))]
    return [Prompt(_prompt(record, prompt, system))]


def _prompt(record: Any, name: str | None, system: str | None) -> list[Message]:
    found = _dialogue(record, name, system)
    # a transcript for a model to go on with ends in the assistant's empty turn
    return found[:-1] if found[-1] == {"role": "assistant", "content": ""} else found


def _dialogue(record: Any, name: str | None, system: str | None, *, learnt: bool = False) -> list[Message]:
    found = fields.messages_of_text(fields.at(record, name))
    if isinstance(found, list):
        turns = chats.turns(found, learnt=learnt)
        if not turns:
            raise BadRecord("wrong_layout", f"field {name!r} holds no message")
    else:
        text = fields.as_text(found, f"field {name!r}")
        turns = transcripts.turns(text) if transcripts.is_dialogue(text) else chats.asked(text, "")
    instructed = fields.optional_at(record, system)
    if not instructed:
        return turns
    return [{"role": "system", "content": fields.as_text(instructed, f"field {system!r}")}, *turns]


def _answer(record: Any, name: str | None, asked: list[Message]) -> str:
    """An answer as text, or as the assistant's message, with or without those before it."""
    found = fields.messages_of_text(fields.at(record, name))
    if not isinstance(found, list | dict):
        return fields.as_text(found, f"field {name!r}")
    turns = chats.turns(found if isinstance(found, list) else [found])
    if not turns or turns[-1]["role"] != "assistant":
        raise BadRecord("turns_out_of_order", f"field {name!r} does not end in the assistant's turn")
    if turns[:-1] and turns[:-1] != asked[-len(turns[:-1]) :]:
        raise BadRecord("different_history", f"the turns of {name!r} before the final one are not the prompt")
    return turns[-1]["content"]


def _votes(record: Any, names: list[str]) -> list[object]:
    """The labels in the fields, each of which holds one, or a list of them."""
    found = [fields.at(record, name) for name in names]
    return [vote for one in found for vote in (one if isinstance(one, list) else [one])]


def _score(record: Any, name: str | None) -> float | None:
    return fields.optional_as_number(fields.optional_at(record, name), f"field {name!r}")
