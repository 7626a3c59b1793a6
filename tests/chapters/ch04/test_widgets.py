"""The widgets of chapter 04 say what the networks compute."""

import re

import numpy as np
import torch

from lecture_utils import zoo


def words(figure):
    return " ".join(text.get_text() for text in figure.texts)


def test_retrieval_finds_what_a_loop_over_cosines_finds():
    from lecture_utils.chapters.ch04.widgets.retrieval_browser import NEIGHBOURS, QUERIES, pictures, retrieve

    (asked, truth), (stored, labels) = pictures()
    a, b = asked[QUERIES - 1].flatten().double(), stored.flatten(1).double()
    cosines = torch.stack([(a @ row) / (a.norm() * row.norm()) for row in b])
    hits = int((labels[cosines.topk(NEIGHBOURS).indices] == truth[QUERIES - 1]).sum())
    assert f"{hits} of {NEIGHBOURS}" in words(retrieve(QUERIES - 1, "pixels"))


def test_t_sne_says_less_divergence_after_more_steps():
    from lecture_utils.chapters.ch04.widgets.tsne_perplexity import STEPS, embed

    def kl(step):
        return float(re.search(r"KL = ([\d.]+)", words(embed(15, step)))[1])

    assert kl(0) > kl(50) > kl(STEPS)


def test_a_unit_s_iou_is_that_of_the_dissection():
    from lecture_utils.chapters.ch04.widgets.unit_threshold import fire, observed
    from lecture_utils.data.concepts import CONCEPTS
    from lecture_utils.explain.dissection import dissect

    _, maps, concepts = observed()
    truth = dissect(maps, torch.stack(list(concepts.values()), dim=1), CONCEPTS, share=0.02)
    for unit, concept in ((3, "sky"), (40, "ball")):
        want = truth.iou[unit, CONCEPTS.index(concept)].item()
        assert f"IoU {want:.3f}" in words(fire(unit, 0.02, concept))


def test_grad_cam_differs_with_the_class_and_with_the_layer():
    from lecture_utils.chapters.ch04.widgets.grad_cam_chooser import ask, examples

    scene, (first, second), _ = examples()
    base = np.asarray(ask(scene, first, "stages.1").axes[1].images[0].get_array())
    for other in (ask(scene, second, "stages.1"), ask(scene, first, "stem")):
        assert np.abs(np.asarray(other.axes[1].images[0].get_array()) - base).max() > 0.1


def test_units_that_are_on_change_nothing_and_units_that_are_off_do():
    from lecture_utils.chapters.ch04.widgets.gan_toggles import (
        COLUMNS,
        PICTURES,
        ROWS,
        before,
        chosen,
        toggle,
    )

    figure = toggle("object", np.ones((ROWS, COLUMNS)))
    pairs = re.findall(r"(\d+)→(\d+)", words(figure))
    assert len(pairs) == 5 and all(a == b for a, b in pairs)
    off = toggle("object", np.zeros((ROWS, COLUMNS)))
    drawn = np.asarray(off.axes[0].images[0].get_array())  # two rows of pictures in one panel
    above, below = drawn[:32], drawn[34:]
    assert np.abs(above - below).max() > 0.02
    assert len(before()[1]) == PICTURES
    units = chosen("object")
    assert len(set(units)) == ROWS * COLUMNS and max(units) < zoo.load("shapes_gan").widths[1]
    others = chosen("at random")
    assert len(set(others)) == ROWS * COLUMNS and not set(units) & set(others)
