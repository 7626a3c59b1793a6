"""Sound to image: InfoNCE against a loop and CLIP's loss, and a small world in which sound tells all."""

import math

import pytest
import torch
import torch.nn.functional as F

from lecture_utils.multimodal import sound_to_image as s2i
from lecture_utils.multimodal.clip.loss import clip_loss
from lecture_utils.multimodal.sound_encoder import UnitSoundEncoder
from tests.mutants import planted

pytestmark = pytest.mark.system("S13.7")

MODULE = "lecture_utils.multimodal.sound_to_image"


def pairs(seed=0, unit=False):
    made = torch.Generator().manual_seed(seed)
    both = (torch.randn(6, 4, generator=made) for _ in range(2))
    return tuple(F.normalize(x, dim=1) if unit else x for x in both)


def by_loops(ours, theirs, temperature):
    """The formula, number by number, both ways."""
    total, count = 0.0, len(ours)
    for a, b in ((ours, theirs), (theirs, ours)):
        for i in range(count):
            near = [math.exp(-float(((a[i] - b[j]) ** 2).sum()) / temperature) for j in range(count)]
            total -= math.log(near[i] / sum(near)) / (2 * count)
    return total


def gap(module=s2i):
    ours, theirs = pairs()
    return abs(module.info_nce(ours, theirs, 0.7).item() / by_loops(ours, theirs, 0.7) - 1)


def test_info_nce_is_its_formula():
    assert gap() < 1e-5


@pytest.mark.parametrize(
    "fault",
    [
        ("-distance / temperature", "-distance.sqrt() / temperature"),
        ("F.cross_entropy(scores.T, partner)", "F.cross_entropy(scores, partner)"),
        ("-distance / temperature", "-distance * temperature"),
    ],
)
def test_another_loss_is_not(fault):
    assert gap(planted(MODULE, fault)) > 1e-3


def test_on_the_sphere_it_is_clips_loss():
    ours, theirs = pairs(unit=True)
    want = clip_loss(ours, theirs, torch.tensor(math.log(2 / 0.3)))
    torch.testing.assert_close(s2i.info_nce(ours, theirs, 0.3), want)


def test_pairs_in_step_do_not_depend_on_their_order_and_apart_they_cost_more():
    ours, theirs = pairs()
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    torch.testing.assert_close(s2i.info_nce(ours, theirs), s2i.info_nce(ours[order], theirs[order]))
    assert s2i.info_nce(ours, ours[order]) > s2i.info_nce(ours, ours)


def test_a_sound_finds_its_picture_where_nothing_else_binds_them():
    """Four kinds of things, each with a tone and a colour: a decoder that never hears draws what is heard."""
    torch.manual_seed(0)
    kinds = torch.arange(32) % 4
    place = F.normalize(torch.eye(4)[kinds] + 0.1 * torch.randn(32, 4), dim=1)  # an image encoder's
    colour = torch.tensor([[0.9, 0.1, 0.1], [0.1, 0.9, 0.1], [0.1, 0.1, 0.9], [0.8, 0.8, 0.1]])[kinds]
    images = colour[:, :, None, None].expand(-1, -1, 16, 16)
    mel = torch.full((32, 16, 8), -6.0)
    mel[torch.arange(32), 4 * kinds + 1] = -1.0
    layout = torch.tensor([0.5, 0.5, 0.3, 0.0, 0.4]).expand(32, 5)
    model = s2i.SoundToImage(
        UnitSoundEncoder(16, 4, widths=(8, 8)), s2i.ImageDecoder(dim=4, width=12, layers=1, size=16)
    )
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(120):
        drawn = F.l1_loss(model.decoder(place, layout), images)
        heard = s2i.alignment_loss(model.sound_encoder(mel), place, 0.5)
        optimizer.zero_grad()
        (drawn + heard).backward()
        optimizer.step()
    model.eval()
    out = model(mel, layout).mean((2, 3))
    assert (torch.cdist(out, colour).argmin(1) % 4 == kinds).all()
    assert (out - colour).abs().max() < 0.3


def test_info_nce_does_not_see_a_gap_and_the_alignment_loss_does():
    """All sounds moved off along an axis that pictures do not use: InfoNCE is the same, to the last."""
    ours, theirs = pairs()
    ours, theirs = (F.pad(x, (0, 1)) for x in (ours, theirs))
    apart = ours + 3 * torch.eye(5)[4]
    torch.testing.assert_close(s2i.info_nce(apart, theirs), s2i.info_nce(ours, theirs))
    more = s2i.alignment_loss(apart, theirs, pull=2.0) - s2i.alignment_loss(ours, theirs, pull=2.0)
    torch.testing.assert_close(more, torch.tensor(18.0), atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(s2i.alignment_loss(ours, theirs, pull=0.0), s2i.info_nce(ours, theirs))


def off_the_frame(module=s2i):
    """A turned, moved and shrunk object's frame, against a loop with a rotation matrix: the largest gap."""
    worst = 0.0
    layout = torch.tensor([[0.4, 0.6, 0.2, 0.7, 0.3], [0.5, 0.5, 0.5, -1.1, 0.5]])
    seen = module.seen_from(layout, 8)
    for b, (left, top, radius, turn, horizon) in enumerate(layout.tolist()):
        back = torch.tensor([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
        for row, column in ((0, 0), (3, 6), (7, 2)):
            x, y = (column + 0.5) / 8, (row + 0.5) / 8
            p, q = (back @ torch.tensor([x - left, y - top]) / radius).tolist()
            want = [p, q, math.hypot(p, q)]
            want = [max(-3, min(3, n)) for n in want] + [4 * (y - horizon), x]
            want += [f(2**k * n) for k in range(3) for n in (p, q) for f in (math.sin, math.cos)]
            worst = max(worst, (seen[b, :, row, column] - torch.tensor(want)).abs().max().item())
    return worst


def test_pixels_are_seen_from_the_object():
    assert off_the_frame() < 1e-4


@pytest.mark.parametrize(
    "fault",
    [
        ("turn.cos() * p + turn.sin() * q,", "turn.cos() * p - turn.sin() * q,"),
        ("(y - top) / radius", "(y - left) / radius"),
        ("+ 0.5) / size", ") / size"),
    ],
)
def test_another_frame_is_not(fault):
    assert off_the_frame(planted(MODULE, fault)) > 1e-2


def test_the_layout_and_the_embedding_are_both_drawn():
    torch.manual_seed(1)
    decoder = s2i.ImageDecoder(dim=4, width=8, layers=2, size=16).eval()
    place = F.normalize(torch.randn(3, 4), dim=1)
    layout = torch.tensor([[0.4, 0.5, 0.2, 0, 0.4], [0.6, 0.5, 0.2, 0, 0.4], [0.5, 0.5, 0.4, 1, 0.4]])
    drawn = decoder(place, layout)
    assert drawn.shape == (3, 3, 16, 16) and drawn.min() >= 0 and drawn.max() <= 1
    for other in (decoder(place.roll(1, 0), layout), decoder(place, layout.roll(1, 0))):
        assert (other - drawn).abs().max() > 1e-3
    torch.testing.assert_close(decoder(place[1:2], layout[1:2]), drawn[1:2])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: s2i.ImageDecoder(size=0), "size: got 0"),
        (lambda: s2i.seen_from(torch.zeros(2, 5), 8), "radius: got 0"),
        (lambda: s2i.alignment_loss(torch.rand(2, 3), torch.rand(2, 3), pull=-1.0), "pull: got"),
        (lambda: s2i.ImageDecoder()(torch.rand(2, 3), torch.rand(2, 5)), "embedding: got"),
        (lambda: s2i.ImageDecoder()(torch.rand(2, 64), torch.rand(3, 5)), "layout: got"),
        (lambda: s2i.info_nce(torch.rand(2, 3), torch.rand(3, 3)), "embeddings: got"),
        (lambda: s2i.info_nce(torch.rand(2, 3), torch.rand(2, 3), 0.0), "temperature: got"),
    ],
)
def test_bad_input_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
