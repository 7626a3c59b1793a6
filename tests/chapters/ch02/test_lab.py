"""The lab of chapter 02: its parts are the package's, its fault blinds the network as the notebook says."""

from typing import Any

import numpy as np
import torch
from torch import nn

from lecture_utils import zoo
from lecture_utils.chapters.ch02 import lab
from lecture_utils.chapters.ch02.lab import DigitViT
from lecture_utils.chapters.ch02.solutions import times_chance
from lecture_utils.data import digits, toyworld
from lecture_utils.nn.transformer import EncoderLayer
from lecture_utils.training.loop import accuracy, fit, minibatches
from lecture_utils.training.losses import cross_entropy


def test_the_layer_is_the_packages() -> None:
    torch.manual_seed(0)
    theirs = EncoderLayer(8, 2, 16, eps=1e-6)
    for part in theirs.parameters():
        nn.init.normal_(part, std=0.7)
    norms: Any = [(norm.weight, norm.bias) for norm in (theirs.norm1, theirs.norm2)]
    x = 2 * torch.randn(3, 5, 8) + 1
    ours = lab.encoder_layer(x, theirs.attention, theirs.mlp, *norms)
    torch.testing.assert_close(ours, theirs(x), atol=1e-5, rtol=1e-4)


def test_fused_and_in_parts_are_one() -> None:
    torch.manual_seed(0)
    x, qkv, output = torch.randn(2, 17, 48), torch.randn(144, 48) / 7, torch.randn(48, 48) / 7
    one, other = (f(x, qkv, output, 4) for f in (lab.fused_attention, lab.in_parts))
    torch.testing.assert_close(one, other)
    assert not torch.allclose(lab.fused_attention_faulty(x, qkv, output, 4), other, atol=0.1)


def test_the_fault_hides_the_lower_half() -> None:
    x, _ = digits.load(size=8, split="test")
    seen = {}
    for attention in (lab.in_parts, lab.fused_attention_faulty):
        torch.manual_seed(0)
        seen[attention] = lab.answered_by(DigitViT(attention).eval(), x[:50], 2)  # (4, 4)
    np.testing.assert_allclose([float(part.sum()) for part in seen.values()], 1, atol=1e-5)
    assert bool((seen[lab.in_parts] > 0).all())
    assert float(seen[lab.fused_attention_faulty][2:].abs().max()) == 0


def test_the_network_learns_digits() -> None:
    (x, y), (test_x, test_y) = (digits.load(size=8, split=split) for split in ("train", "test"))
    torch.manual_seed(0)
    net = DigitViT(lab.fused_attention)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    batches = minibatches(x, y, batch_size=64, seed=0)
    fit(net, batches, loss=cross_entropy, optimizer=optimizer, steps=80, progress=False)
    assert accuracy(net, test_x, test_y) > 0.75


def test_patches_are_taken_away_where_the_score_is_highest() -> None:
    pictures = torch.rand(2, 3, 8, 8)
    score = torch.zeros(2, 16)
    score[:, 6], score[:, 7] = 2, 1
    left = lab.without_patches(pictures, score, patch=2, number=2)
    assert torch.equal(left[:, :, :2], pictures[:, :, :2])
    mean = pictures.mean((0, 2, 3))[:, None, None].expand(2, 3, 2, 4)
    torch.testing.assert_close(left[:, :, 2:4, 4:], mean)


def test_the_reading_is_what_the_shipped_network_shows() -> None:
    vit: Any = zoo.load("shapes_vit")
    scenes = toyworld.sample_scenes(200, split="test", objects=toyworld.ONE_OBJECT)
    scene = toyworld.render(scenes, 32, only=("image", "class_id", "instance"))
    on_object, truth = scene.instance > 0, scene.class_id[:, 0]
    heed = vit.attention_maps(scene.image)[-1, :, :, 0, 1:].mean(1)  # (200, 64)
    assert times_chance(heed, on_object, 4).mean() > 4
    share = torch.nn.functional.avg_pool2d(on_object.float()[:, None], 4).flatten(1)
    favourite = torch.zeros_like(heed).scatter_(1, heed.topk(3).indices, 1.0) > 0
    chance = torch.rand(heed.shape, generator=torch.Generator().manual_seed(0))
    others = ((share >= 0.25) & ~favourite) * 2 + chance
    left = [
        accuracy(vit, lab.without_patches(scene.image, score, 4, 3), truth)
        for score in (heed, others, chance, -heed)
    ]
    assert left[0] + 0.05 < left[1] < left[2] - 0.05, left
