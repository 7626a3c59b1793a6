"""Chapter 02: the prediction questions, asked before the cell that answers them (jupyterquiz's format)."""

from lecture_utils.exercises.ch01_questions import Question, _choice, _number

QUESTIONS: dict[str, list[Question]] = {
    "02.1": _choice(
        "A recurrent net reads 100 tokens. By what factor does its gradient shrink on the way back to the "
        "first, roughly, if each step shrinks it by 0.9?",
        ("About 10.", False, "That would be a sum of 100 steps. They multiply."),
        ("About 40,000.", True, "0.9 to the power 100 is 0.000027."),
        (
            "It does not: the weights are shared.",
            False,
            "Shared weights mean the same factor 100 times over.",
        ),
    ),
    "02.2": _choice(
        "We shuffle the order of keys and values (both in the same way). What happens to attention's output?",
        ("Nothing.", True, "A weighted mean does not care in which order its terms are added."),
        ("It is shuffled in the same way.", False, "That is what happens when the queries are shuffled."),
        ("It becomes noise.", False, "Each key still comes with its own value."),
    ),
    "02.3": _choice(
        "Queries and keys have 256 random numbers each, of variance 1. Without the division by √d, the "
        "softmax over 100 keys will …",
        ("… be nearly uniform.", False, "It would be, if the scores were all small."),
        (
            "… give nearly all its weight to one key.",
            True,
            "The scores have standard deviation √256 = 16, so the largest leads by far.",
        ),
        (
            "… be unchanged: softmax normalises.",
            False,
            "It normalises the sum to 1, not the spread of its inputs.",
        ),
    ),
    "02.4": _number(
        "A ViT cuts 32 × 32 pixels into patches of 4 × 4. How many tokens enter its first layer?",
        65,
        "8 × 8 patches, and the class token.",
        "How many patches fit along one side? And one token is no patch.",
        {
            64: "The patches are 64; one more token comes along, to be read at the end.",
            9: "8 patches a side, 8 × 8 in all.",
        },
    ),
    "02.5": _choice(
        "A ViT gets a picture whose patches have been shuffled. Without position encoding, its answer …",
        ("… is exactly as before.", True, "To it the picture was a bag of patches all along."),
        ("… falls to chance.", False, "That needs a model that knows where patches belong."),
        (
            "… changes a little.",
            False,
            "Nothing in the network depends on a patch's place, so nothing can change.",
        ),
    ),
    "02.6": _choice(
        "The side of an image doubles; patches keep their size. The scores of global attention take …",
        ("… twice the work.", False, "The number of tokens already grows fourfold."),
        ("… 4 times the work.", False, "The tokens are 4 times as many, and each looks at 4 times as many."),
        ("… 16 times the work.", True, "4 times the queries, each with 4 times the keys."),
    ),
    "02.7": _number(
        "8 × 8 tokens, windows of 4 × 4, shifted by 2 in both axes. Into how many groups, which may not look "
        "at each other, does the mask cut the bottom right window?",
        4,
        "It holds all four corners of the picture, and no two corners were neighbours.",
        "The rule of the row holds down as well as across.",
        {
            2: "Two along each axis.",
            1: "The roll is cyclic: what leaves on the left comes in on the right.",
            16: "Tokens of one corner may look at each other.",
        },
    ),
    "02.8": _choice(
        "We train the digit ViT without positions. Of whole, unshuffled test digits it will name …",
        (
            "… one in ten: chance.",
            False,
            "A bag of patches still tells how much ink there is, and of what kind.",
        ),
        (
            "… fewer than with positions, but far more than chance.",
            True,
            "Patches alone say a good deal about a digit; where they belong says the rest.",
        ),
        ("… as many as with positions.", False, "Then where a stroke lies would not matter for a digit."),
    ),
}
