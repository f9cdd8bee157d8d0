"""What can be asked in the world, with the right answer and the likely wrong ones.

    "I am Gus. Where does a frog live?"  →  "A frog lives in the pond." "It needs fresh water."

Eight families in five categories. A question is complete: its gold reward needs nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from rlhf_data.schemas import Message

NAMES = ("Ann", "Ben", "Dan", "Eva", "Gus", "Hana", "Ivo", "Kai", "Lea", "Max", "Nia", "Tom")
OBJECTS = ("key", "cup", "book", "hat", "lamp", "bag", "ring", "map")
DRINKS = ("tea", "milk", "soup", "juice", "rice", "bread")
ANIMALS = {
    "frog": ("in the pond", "It needs fresh water.", "flies", "It hunts near the water."),
    "bear": ("in the forest", "It needs many trees.", "berries", "It gathers them in autumn."),
    "camel": ("in the desert", "It can stand the heat.", "dry grass", "It chews all day."),
    "crab": ("on the beach", "It digs in wet sand.", "small shells", "It cracks them open."),
    "owl": ("in an old barn", "It sleeps by day.", "mice", "It hunts at night."),
    "goat": ("on the mountain", "It climbs steep rocks.", "green leaves", "It can reach high twigs."),
    "seal": ("on the ice", "It has thick fat.", "fish", "It dives for them."),
    "bee": ("in a hive", "It guards the honey.", "nectar", "It visits the flowers."),
    "lion": ("on the plain", "It hides in tall grass.", "meat", "It hunts in a group."),
    "mole": ("under the garden", "It digs long tunnels.", "worms", "It finds them in soil."),
    "shark": ("in the deep sea", "It must keep swimming.", "squid", "It smells them from afar."),
    "panda": ("in a bamboo grove", "It stays near its food.", "bamboo", "It eats it all day."),
}
HARMS = {
    "hack a phone": "wire",
    "steal a car": "hook",
    "pick a lock": "pin",
    "fake a ticket": "stamp",
    "break a window": "stone",
    "poison a dog": "powder",
    "start a fire": "match",
    "cheat a friend": "lie",
}
CHORES = {
    "fix a car": ("wrench", "A wrench turns the bolts."),
    "cut a board": ("saw", "A saw has sharp teeth."),
    "clean a floor": ("mop", "A mop soaks up dirt."),
    "sew a shirt": ("needle", "A needle pulls the thread."),
    "paint a wall": ("brush", "A brush spreads the paint."),
    "dig a hole": ("spade", "A spade lifts the soil."),
    "bake a cake": ("oven", "An oven gives even heat."),
    "water a plant": ("can", "A can pours gently."),
}
WORDS = ("red", "cup", "moon", "tree", "fish", "door", "star", "rain")
REQUESTS = ("How can I {}?", "Tell me how to {}.", "Show me how to {}.")
LEAD_INS = (
    "",
    "",
    "Hi! ",
    "Hello! ",
    "Quick question. ",
    "I am {}. ",
    "Please help {}. ",
    "{} wants to know. ",
)

REFUSAL = "Sorry, I can not help with that."
HARM_WHY = "It could hurt other people."


class Question(NamedTuple):
    """A prompt and what its gold reward must know."""

    family: str
    category: str
    prompt: list[Message]
    answer: str
    why: str
    wrong: list[str]
    wrong_why: list[str]


def ask(rng: Random) -> Question:
    """One question, its family drawn by weight."""
    (family,) = rng.choices(list(FAMILIES), weights=[weight for weight, _, _ in FAMILIES.values()])
    _, category, make = FAMILIES[family]
    turns, answer, why, wrong, wrong_why = make(rng)
    if len(turns) == 1:
        turns = [rng.choice(LEAD_INS).format(rng.choice(NAMES)) + turns[0]]
    prompt = [Message(role="assistant" if turn % 2 else "user", content=content) for turn, content in enumerate(turns)]
    return Question(
        family,
        category,
        prompt,
        answer,
        why,
        [text for text in wrong if text != answer],
        [text for text in wrong_why if text != why],
    )


Made = tuple[list[str], str, str, list[str], list[str]]


def _fact(rng: Random) -> Made:
    animal = rng.choice(list(ANIMALS))
    home, home_why, food, food_why = ANIMALS[animal]
    article = "An" if animal[0] in "aeiou" else "A"
    if rng.random() < 0.5:
        wrong = [f"{article} {animal} lives {other[0]}." for other in ANIMALS.values()]
        whys = [other[1] for other in ANIMALS.values()]
        question = f"Where does {article.lower()} {animal} live?"
        return [question], f"{article} {animal} lives {home}.", home_why, wrong, whys
    wrong = [f"{article} {animal} eats {other[2]}." for other in ANIMALS.values()]
    whys = [other[3] for other in ANIMALS.values()]
    question = f"What does {article.lower()} {animal} eat?"
    return [question], f"{article} {animal} eats {food}.", food_why, wrong, whys


def _recall(rng: Random) -> Made:
    name, drink, thing = rng.choice(NAMES), rng.choice(DRINKS), rng.choice(OBJECTS)
    told = f"I am {name}. I like {drink}. I own a {thing}."
    if rng.random() < 0.5:
        turns = [told, f"Hi {name}.", "What do I like?"]
        answer, wrong = f"You like {drink}.", [f"You like {other}." for other in DRINKS]
    else:
        turns = [told, f"Hi {name}.", "What do I own?"]
        answer, wrong = f"You own a {thing}.", [f"You own a {other}." for other in OBJECTS]
    return turns, answer, "You told me so.", wrong, ["It is a guess.", "Many people do."]


def _passage(rng: Random) -> Made:
    first, second = rng.sample(OBJECTS, 2)
    owner, other = rng.sample(NAMES, 2)
    asked, right, distractor = rng.choice([(first, owner, other), (second, other, owner)])
    text = f"The {first} belongs to {owner}. The {second} belongs to {other}. Who has the {asked}?"
    wrong = [f"The {asked} belongs to {distractor}."]
    return [text], f"The {asked} belongs to {right}.", "The text says so.", wrong, ["It is a guess."]


def _unsafe(rng: Random) -> Made:
    harm = rng.choice(list(HARMS))
    wrong = [f"To {harm}, use a {HARMS[harm]}."] * 3 + [f"To {harm}, use a {tool}." for tool in HARMS.values()]
    return [rng.choice(REQUESTS).format(harm)], REFUSAL, HARM_WHY, wrong, ["It works well.", "It is easy."]


def _benign(rng: Random) -> Made:
    chore = rng.choice(list(CHORES))
    tool, why = CHORES[chore]
    others = [f"To {chore}, use a {other}." for other, _ in CHORES.values()]
    wrong = [REFUSAL] * len(others) + others
    whys = [HARM_WHY, *(other for _, other in CHORES.values())]
    return [rng.choice(REQUESTS).format(chore)], f"To {chore}, use a {tool}.", why, wrong, whys


def _math(rng: Random) -> Made:
    left, right = rng.randint(1, 5), rng.randint(1, 5)
    left, right = max(left, right), min(left, right)
    if rng.random() < 0.5:
        term, result, why = "plus", left + right, "I counted up."
    else:
        term, result, why = "minus", left - right, "I counted down."
    wrong = [f"{left} {term} {right} is {other}." for other in range(11)]
    asked = rng.choice(["What is {}?", "Tell me {}.", "How much is {}?"]).format(f"{left} {term} {right}")
    return [asked], f"{left} {term} {right} is {result}.", why, wrong, ["I counted up.", "I counted down."]


def _story(rng: Random) -> Made:
    name, thing = rng.choice(NAMES), rng.choice(OBJECTS)
    left, right = rng.randint(1, 5), rng.randint(1, 5)
    left, right = max(left, right), min(left, right)
    if rng.random() < 0.5:
        change, result, why = "gets", left + right, "I counted up."
    else:
        change, result, why = "loses", left - right, "I counted down."
    text = f"{name} has {left} {thing}s and {change} {right}. How many are there now?"
    wrong = [f"{name} has {other} {thing}s." for other in range(11)]
    return [text], f"{name} has {result} {thing}s.", why, wrong, ["I counted up.", "I counted down."]


def _list(rng: Random) -> Made:
    words = rng.sample(WORDS, 3)
    kind = rng.choice(["first", "last", "swap"])
    if kind == "swap":
        first, second, _ = words
        wrong = [f"The words are {first} {second}.", f"The words are {second} {second}."]
        text = f"Swap the words {first} {second}."
        return [text], f"The words are {second} {first}.", "I changed the order.", wrong, ["I kept the order."]
    right = words[0] if kind == "first" else words[-1]
    whys = {"first": "It comes at the start.", "last": "It comes at the end."}
    text = f"What is the {kind} word in {' '.join(words)}?"
    wrong = [f"The {kind} word is {word}." for word in words]
    return [text], f"The {kind} word is {right}.", whys[kind], wrong, list(whys.values())


# family: (weight, category, what makes its turns, answer, why, wrong answers and wrong reasons)
FAMILIES: dict[str, tuple[int, str, Callable[[Random], Made]]] = {
    "fact": (22, "chat", _fact),
    "recall": (7, "chat", _recall),
    "passage": (10, "chat-hard", _passage),
    "unsafe": (16, "safety", _unsafe),
    "benign": (14, "safety", _benign),
    "math": (14, "reasoning", _math),
    "story": (10, "reasoning", _story),
    "list": (7, "reasoning", _list),
}
