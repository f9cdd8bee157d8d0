"""What requests are about, and how they ask: every fifth topic is held out."""

from __future__ import annotations

FORMS = (
    "Tell me about {}.",
    "Describe {}.",
    "Give me a tip about {}.",
    "Say something nice about {}.",
    "What should a child know about {}?",
    "Why do people like {}?",
    "Write a short note about {}.",
    "Explain {} to a friend.",
)

# By the word that an answer must name: the topic as a request puts it
_THEMES = """
home: a chair, a table, a lamp, a door, a window, a pillow, a blanket, a mirror, a carpet, a kettle, a spoon, a
    fork, a plate, a cup, a bowl, a broom, a towel, a candle, a clock, a key, a shelf, a curtain, a basket, a
    ladder, a bucket
food: bread, butter, cheese, rice, soup, salad, honey, sugar, salt, pepper, chocolate, coffee, tea, milk, juice,
    an apple, a banana, an orange, a lemon, a tomato, a potato, an onion, garlic, pasta, pizza, a sandwich,
    breakfast, lunch, dinner
animals: a dog, a cat, a horse, a cow, a sheep, a goat, a pig, a duck, an owl, an eagle, a frog, a snake, a
    turtle, a bee, a spider, a whale, a dolphin, a shark, a bear, a wolf, a fox, a rabbit, a mouse, a lion, a
    tiger, a camel, an elephant
nature: rain, snow, wind, fog, thunder, the moon, the sun, a star, a river, a lake, the ocean, a beach, a
    mountain, a valley, a forest, a desert, an island, a volcano, a flower, a rose, a tree, grass, a leaf, a
    stone, sand, mud, ice
town: a street, a bridge, a park, a school, a library, a museum, a hospital, a bakery, a market, a station, a
    bus, a train, a taxi, a bicycle, a boat, a plane, an airport, a hotel, a restaurant, a theater, a garden, a
    farm, a castle, a tower
things: a book, a pen, a pencil, paper, a letter, a map, a camera, a phone, a radio, a computer, a keyboard, a
    battery, an umbrella, a coat, a hat, a shoe, a sock, a glove, a scarf, a belt, a bag, a wallet, a ring, a
    watch, a knife, a rope
doing: cooking, baking, reading, writing, singing, dancing, running, swimming, walking, sleeping, fishing,
    painting, drawing, sewing, cleaning, shopping, camping, hiking, skiing, chess, football, tennis, music, a
    song, a story, a joke
life: a birthday, a wedding, a holiday, winter, summer, spring, autumn, morning, evening, a family, a friend, a
    neighbor, a teacher, a doctor, a nurse, a farmer, a pilot, a baker, a painter, a child, a baby, money, a
    gift, a dream, a promise
"""
TOPICS = tuple(
    topic.strip()
    for theme in _THEMES.strip().replace("\n    ", " ").splitlines()
    for topic in theme.split(":")[1].split(",")
)
HELD_OUT = TOPICS[::5]
TRAINED = tuple(topic for place, topic in enumerate(TOPICS) if place % 5)


def name(topic: str) -> str:
    """The word that names a topic: of `a chair`, chair."""
    return topic.split()[-1]
