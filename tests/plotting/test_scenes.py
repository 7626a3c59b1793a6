"""Scenes drawn with their annotations: from any sample with the right fields, without the renderer."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lecture_utils import plotting
from lecture_utils.plotting.display import pixels
from lecture_utils.plotting.scenes import LAYERS, layer_image


@pytest.fixture
def sample():
    """One scene of 8×8 pixels with one object in the place 0 of two."""
    instance = torch.zeros(1, 8, 8, dtype=torch.long)
    instance[0, 2:5, 1:4] = 1
    semantic = torch.where(instance > 0, 5, 1)
    box = torch.tensor([[[1.0, 2, 4, 5], [0, 0, 0, 0]]])
    depth = torch.full((1, 8, 8), 9.0)
    depth[0, :2] = 100.0
    depth[0, 2:5, 1:4] = 2.0
    return SimpleNamespace(
        image=torch.full((1, 3, 8, 8), 0.5),
        present=torch.tensor([[True, False]]),
        class_id=torch.tensor([[1, -1]]),
        boxes=box,
        boxes_full=box,
        instance=instance,
        semantic=semantic,
        panoptic=semantic * 1000 + instance,
        depth=depth,
        normals=torch.tensor([0.0, 0, -1])[None, :, None, None].expand(1, 3, 8, 8),
        keypoints=torch.tensor([[[[2.0, 3, 1], [3, 4, 0]], [[0, 0, 0], [0, 0, 0]]]]),
    )


def test_every_layer_is_drawn(sample):
    fig = plotting.annotated_scene(sample, 0, LAYERS, class_names=["ball", "star"])
    assert len([ax for ax in fig.axes if ax.images]) == len(LAYERS)
    assert pixels(fig).size


def test_layers_lie_over_one_picture_and_only_present_objects_are_named(sample):
    ax = plotting.annotated_scene(
        sample, 0, [("image", "boxes", "keypoints")], class_names=["ball", "star"]
    ).axes[0]
    assert [t.get_text() for t in ax.texts] == ["star"]
    assert len(ax.images) == 1 and len(ax.collections) == 2  # seen and hidden keypoints


def test_instances_and_depth_show_what_they_hold(sample):
    drawn = plotting.annotated_scene(sample, 0, ["instance"]).axes[0].images[0].get_array()
    assert np.array_equal((np.asarray(drawn) != 0.5).any(-1), sample.instance[0].numpy() > 0)
    depth = layer_image(sample, 0, "depth")
    assert depth[3, 2].tolist() != depth[7, 7].tolist()
    assert layer_image(sample, 0, "normals")[0, 0].tolist() == [0.5, 0.5, 1.0]


def test_bad_layers_and_numbers(sample):
    with pytest.raises(ValueError, match="got 'flow'"):
        plotting.annotated_scene(sample, 0, ["flow"])
    with pytest.raises(ValueError, match="got number 3, want 0 to 0"):
        plotting.annotated_scene(sample, 3)
