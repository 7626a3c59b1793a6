"""Chapter 04: the prediction questions, asked before the cell that answers them (jupyterquiz's format)."""

from typing import Any

Question = dict[str, Any]


def _choice(question: str, *answers: tuple[str, bool, str]) -> list[Question]:
    """One question with its answers: (text, right or wrong, what to say about it)."""
    listed = [
        {"answer": text, "correct": correct, "feedback": feedback} for text, correct, feedback in answers
    ]
    return [{"question": question, "type": "multiple_choice", "answers": listed}]


QUESTIONS: dict[str, list[Question]] = {
    "04.1": _choice(
        "We look for the pictures whose *pixels* lie nearest to those of a red star on grass. What will they "
        "have in common with it?",
        (
            "The shape: they are mostly stars.",
            False,
            "A star two pixels further left has quite other pixels, and it is a small part of the picture.",
        ),
        (
            "The background and the brightness.",
            True,
            "Most pixels are background, so most of the distance is background too.",
        ),
        (
            "Nothing: distances in 3,072 dimensions mean nothing.",
            False,
            "They mean something, but not what a person would call alike.",
        ),
    ),
    "04.2": _choice(
        "In a t-SNE picture, two clusters are far apart and one of them is twice as wide. What follows about "
        "the data?",
        (
            "They are less alike than two clusters that touch, and the wide one varies more.",
            False,
            "Every point has a bell of its own width, so dense and sparse regions come out equally wide; and "
            "far apart is hardly different from very far apart.",
        ),
        (
            "Little: only who is near whom is preserved.",
            True,
            "Sizes of clusters and distances between them depend on the perplexity and the start.",
        ),
        (
            "The wide one has more points.",
            False,
            "It may well have, but t-SNE does not keep densities.",
        ),
    ),
    "04.3": _choice(
        "Each of a network's units is thresholded so that it fires on 0.5 % of all pixels. In a network with "
        "*random* weights, how many units will agree with a concept such as grass?",
        (
            "None: random weights know nothing.",
            False,
            "A random filter is still a filter: some answer to a colour, and grass is green.",
        ),
        (
            "Fewer than in a trained network, but perhaps not none.",
            True,
            "Colours and large areas are easy even by chance. So the random network is measured too.",
        ),
        (
            "As many as in a trained one: the threshold adapts.",
            False,
            "The threshold fixes how often a unit fires, not where.",
        ),
    ),
    "04.4": _choice(
        "Start from noise and climb the gradient of a class's score, with no other wish. What comes out?",
        (
            "A typical picture of the class.",
            False,
            "Nothing in the score asks for a picture that could exist.",
        ),
        (
            "Something like noise that the network is nearly certain about.",
            True,
            "Many small changes that add up for the network, and that no eye would call a shape.",
        ),
        (
            "The noise we started from: the gradient of noise is noise.",
            False,
            "The score climbs fast; what changes is just not what we would look at.",
        ),
    ),
    "04.5": _choice(
        "A network ends in a global average and one linear layer. Where does the last feature map have to be "
        "large for class k to win?",
        (
            "Anywhere: the average forgets the place.",
            True,
            "That is the point. Each place adds its own share to the logit, so the share can be drawn.",
        ),
        (
            "In the middle, where the object usually is.",
            False,
            "An average gives every place the same weight.",
        ),
        (
            "That cannot be known without the gradient.",
            False,
            "In general yes, but here the last steps are linear: the weights say it.",
        ),
    ),
    "04.6": _choice(
        "We ask Grad-CAM at the *first* stage of the network instead of the last. The map will be …",
        (
            "… finer and just as well aimed.",
            False,
            "Finer, yes. But early channels stand for edges and colours, which occur all over the picture.",
        ),
        (
            "… finer, but it points at edges and colours all over the picture.",
            True,
            "One weight for each channel cannot tell a star's edge from a heart's.",
        ),
        (
            "… the same: the gradient flows through all layers.",
            False,
            "It does, but it is averaged over the places of the layer that we ask.",
        ),
    ),
    "04.7": _choice(
        "A picture shows a star and a heart. How does a ViT's attention rollout for 'star' differ from that "
        "for 'heart'?",
        (
            "It lies on the star, or on the heart.",
            False,
            "Where in the rule for rollout does the class come in?",
        ),
        (
            "Not at all.",
            True,
            "Attention weights are computed on the way up, before any class has a score. There is one map.",
        ),
        (
            "Only the heads differ.",
            False,
            "Heads differ from each other, but not with the class.",
        ),
    ),
    "04.8": _choice(
        "In a generator's layer we switch off the twelve units of 64 that agree best with *object*. Its "
        "pictures …",
        (
            "… fall apart: everything depends on everything.",
            False,
            "The other 52 still paint, and they paint the landscape.",
        ),
        (
            "… lose much of their objects, and keep their landscapes.",
            True,
            "If the units *cause* objects. Agreement alone could not tell; switching them off can.",
        ),
        (
            "… stay as they are: the other units make up for it.",
            False,
            "Nothing is retrained, so nothing can make up for it on purpose.",
        ),
    ),
    "04.9": _choice(
        "Every training picture of a seven carries a small white stamp in the corner. The network gets new "
        "pictures, stamped in the same way. Its accuracy will be …",
        (
            "… high: nothing looks wrong.",
            True,
            "The test set has the same flaw as the training set, so it cannot show it.",
        ),
        (
            "… low on sevens: it never learned their shape.",
            False,
            "It need not know the shape as long as the stamp is there.",
        ),
        (
            "… as without stamps: a stamp is no digit.",
            False,
            "Gradient descent takes whatever predicts the label, and the stamp does so perfectly.",
        ),
    ),
    "04.10": _choice(
        "Without its ReLU, Grad-CAM also shows where the weighted maps are *negative*. Drawn by magnitude, "
        "the map for 'star' would light up …",
        (
            "… on the star only.",
            False,
            "What speaks against a star is large too, only with the other sign.",
        ),
        (
            "… on the star, and on what speaks for other classes.",
            True,
            "Evidence against is mostly evidence for something else that is in the picture.",
        ),
        (
            "… nowhere: the parts cancel.",
            False,
            "They cancel in the sum over places, which gives the score, not in the map.",
        ),
    ),
    "04.11": _choice(
        "We give a network random weights and ask an explanation method again. It draws the same map as "
        "before. What does that say?",
        (
            "The method is stable, which is good.",
            False,
            "Stable against losing everything that was learned?",
        ),
        (
            "The map never depended on what the network had learned.",
            True,
            "Then it cannot explain it. An edge detector draws beautiful maps of any picture.",
        ),
        (
            "Random networks already see the object.",
            False,
            "A network at chance has no reason to find this class in particular.",
        ),
    ),
}
