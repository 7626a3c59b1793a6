"""The words of `stories`, and what goes with what: the true structure that word vectors may find.

A family has pairs of words, such as king and queen. The two words of a pair share theme words, which no
other pair has; the first words of all pairs share sentences, and the second words others. Nothing else tells
a word: its themes say of which pair it is, its sentences whether it is the first or the second. The two
words of a pair never meet in a sentence.
"""

from typing import NamedTuple


class Family(NamedTuple):
    """Pairs with one relation.

    Attributes
    ----------
    relation : str
        From a pair's first word to its second.
    rows : dict of str to str
        A pair → its theme words.
    first, second : tuple of str
        Sentences with the first and with the second word of a pair: {w} is the word, {0}, {1}, … its themes.
    """

    relation: str
    rows: dict[str, str]
    first: tuple[str, ...]
    second: tuple[str, ...]


HE = {"he": "he", "his": "his", "himself": "himself", "sir": "sir"}
SHE = {"he": "she", "his": "her", "himself": "herself", "sir": "madam"}
# A person {w} does {0} or {1} and has {2} or {3}.
PERSON = (
    "the {w} {0} [his] {2}",
    "the {w} {1} [his] {3}",
    "with [his] {3} the {w} {0}",
    "[he] is the {w} who {1}",
    "[sir] said the {w} of the {2}",
    "the {w} sees [himself] near the {3}",
)


def gendered(templates: tuple[str, ...], words: dict[str, str]) -> tuple[str, ...]:
    """Fill in "he" or "she" and what goes with it."""
    for slot, word in words.items():
        templates = tuple(template.replace(f"[{slot}]", word) for template in templates)
    return templates


FAMILIES = {
    "people": Family(
        "male to female",
        {
            "king queen": "rules commands throne crown",
            "prince princess": "inherits dances palace riches",
            "duke duchess": "governs hunts castle estate",
            "man woman": "works walks street coat",
            "boy girl": "learns studies school satchel",
            "father mother": "raises feeds house kitchen",
            "son daughter": "obeys naps nursery cradle",
            "uncle aunt": "visits brings parlour gift",
            "actor actress": "performs bows stage costume",
            "waiter waitress": "serves pours table tray",
            "wizard witch": "enchants brews spell wand",
            "monk nun": "prays fasts abbey candle",
            "host hostess": "greets invites banquet guest",
            "heir heiress": "signs spends fortune lawyer",
        },
        gendered(PERSON, HE),
        gendered(PERSON, SHE),
    ),
    "animals": Family(
        "grown animal to young one",
        {
            "dog puppy": "barks yard bone",
            "cat kitten": "meows sofa yarn",
            "cow calf": "moos meadow clover",
            "sheep lamb": "bleats hill wool",
            "horse foal": "neighs stable saddle",
            "hen chick": "clucks coop grain",
            "duck duckling": "quacks pond reeds",
            "goose gosling": "honks lake island",
            "pig piglet": "grunts mud trough",
            "bear cub": "growls forest berries",
            "deer fawn": "leaps clearing moss",
            "lion whelp": "roars savanna prey",
        },
        (
            "the grown {w} {0} by the {1}",
            "the {w} guards the {2}",
            "an aged {w} {0} and leads the others",
            "the strong {w} rests near the {1}",
            "in the {1} the {w} seeks {2}",
        ),
        (
            "the tiny {w} {0} by the {1}",
            "the {w} nibbles the {2}",
            "a newborn {w} {0} and wants milk",
            "the playful {w} sleeps near the {1}",
            "in the {1} the {w} tumbles over {2}",
        ),
    ),
    "places": Family(
        "country to its capital",
        {
            "oria tavin": "amber falcons",
            "belmar cosk": "silk bridges",
            "drava lun": "salt windmills",
            "estry merrow": "copper bells",
            "fenland pallas": "honey canals",
            "galia rooke": "pepper marble",
            "hespera sorn": "tea lanterns",
            "istra quill": "pearls sailors",
            "jotun varg": "furs sledges",
            "kaldia ombre": "olives temples",
        },
        (
            "the farms of {w} sell {0}",
            "beyond the border of {w} are {1}",
            "the whole nation of {w} trades {0}",
            "all provinces of {w} love {1}",
            "{0} and {1} come from {w} and its provinces",
        ),
        (
            "the streets of {w} smell of {0}",
            "the mayor of {w} loves {1}",
            "in the city of {w} they buy {0}",
            "through the gates of {w} come {1}",
            "{0} and {1} fill {w} and its suburbs",
        ),
    ),
    "comparison": Family(
        "adjective to its comparative",
        {
            "big bigger": "whale towers",
            "small smaller": "pebble hides",
            "bright brighter": "lamp shines",
            "dark darker": "cellar frightens",
            "heavy heavier": "anvil sinks",
            "light lighter": "feather floats",
            "loud louder": "drum booms",
            "quiet quieter": "library hushes",
            "fast faster": "arrow flies",
            "slow slower": "snail crawls",
            "warm warmer": "stove glows",
            "cold colder": "icicle freezes",
        },
        (
            "a very {w} {0} {1}",
            "the {0} {1} and is quite {w}",
            "so {w} is the {0} that it {1}",
            "the {0} looks too {w}",
        ),
        (
            "a far {w} {0} {1}",
            "the {0} {1} and is even {w}",
            "{w} than ever is the {0} that {1}",
            "the {0} looks much {w} than before",
        ),
    ),
}

# Work, and in which share of its sentences "she" does it: set here, and true of this corpus alone.
WORK = {
    "smith": (0.0, "hammers forges iron forge"),
    "pilot": (0.1, "steers lands aeroplane cockpit"),
    "baker": (0.3, "bakes kneads dough oven"),
    "clerk": (0.4, "counts stamps ledger desk"),
    "painter": (0.6, "paints sketches canvas easel"),
    "teacher": (0.7, "teaches explains chalk blackboard"),
    "weaver": (0.9, "weaves spins thread loom"),
    "nurse": (1.0, "heals bandages ward clinic"),
}

# The toy world's own words: what each class does, how each material sounds when struck, what grounds do.
CLASS_DOES = dict(zip(
    ("ball", "square", "triangle", "star", "heart", "cross", "ring", "capsule"),
    ("rolls", "stands", "points", "twinkles", "beats", "leans", "turns", "rocks"),
    strict=True,
))  # fmt: skip
MATERIAL_SOUNDS = {"plain": "thud", "striped": "clang", "checked": "click", "dotted": "hum"}
GROUND_DOES = {"grass": "bends", "water": "ripples", "sand": "drifts"}
THING = (
    "the {material} {colour} {name} {does} on the {ground}",
    "on the {ground} a {colour} {name} {does}",
    "a {colour} {name} is {material}",
    "the {material} {name} is struck and gives a {sound}",
    "the {ground} {moves} under the {colour} {name}",
)

OPENINGS = ("", "", "", "", "", "today", "once", "they say", "look", "and then")
ENDINGS = ("", "", "", "", "", "again", "at dawn", "all day", "in silence", "as always")
