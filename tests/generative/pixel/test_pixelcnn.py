"""PixelCNN and PixelRNN as wholes: causality, the chain rule, what they reach, and that they learn."""

import itertools

import pytest
import torch
import torch.nn.functional as F

from lecture_utils.generative.pixel import pixelcnn
from lecture_utils.generative.pixel.influence import influence
from lecture_utils.generative.pixel.likelihood import bits_per_dim, pixel_bits
from lecture_utils.generative.pixel.pixelcnn import PixelCNN, ResidualBlock
from lecture_utils.generative.pixel.row_lstm import PixelRNN
from tests.generative.pixel.pixel_models import KINDS, lively
from tests.mutants import planted

pytestmark = pytest.mark.system("S15.1")


def violations(model, height, width):
    """Numbers that are told with the help of one that does not come earlier, by gradient."""
    order = list(itertools.product(range(height), range(width), range(model.colours)))
    found = []
    for row, column, colour in order:
        seen = influence(model, (height, width), row, column, colour=colour, draws=2)
        found += [
            ((row, column, colour), (y, x, c))
            for c, y, x in seen.nonzero().tolist()
            if (y, x, c) >= (row, column, colour)
        ]
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("colours", [1, 3])
def test_no_number_is_told_with_the_help_of_a_later_one(kind, colours):
    """Every pixel and every colour, in the order of rows, columns, colours."""
    assert violations(lively(KINDS[kind], colours=colours, width=6 * colours), 4, 5) == []


@pytest.mark.parametrize("kind", KINDS)
def test_colours_before_its_own_are_seen_at_the_pixel_itself(kind):
    model = lively(KINDS[kind], colours=3, width=24)
    for colour in range(3):
        seen = influence(model, (4, 4), 2, 2, colour=colour)[:, 2, 2] > 0
        assert seen.tolist() == [c < colour for c in range(3)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_moves_no_earlier_distribution(kind):
    """Exactly none, and some later one."""
    model = lively(KINDS[kind])
    image = torch.randint(0, 17, (1, 1, 5, 6), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = model(image)
        for place in range(30):
            other = image.clone()
            other.view(-1)[place] = (other.view(-1)[place] + 8) % 17
            moved = (model(other) - before).abs().amax((0, 1, 2)).view(-1)
            assert (moved[: place + 1] < 1e-12).all()
            assert place > 27 or (moved[place + 1 :] > 1e-9).any()


def reach(first, blocks, height, width, row, column):
    """Earlier pixels that a stack of masked convolutions sees, by walking: (H, W) bool."""
    seen = {(row, column)}
    for radius, centre in [(1, True)] * blocks + [(first // 2, False)]:
        steps = [
            (y, x)
            for y in range(-radius, 1)
            for x in range(-radius, radius + 1)
            if (y, x) < (0, 0) or (centre and (y, x) == (0, 0))
        ]
        seen = {(r + y, c + x) for r, c in seen for y, x in steps}
    out = torch.zeros(height, width, dtype=torch.bool)
    for r, c in seen:
        if 0 <= r < height and 0 <= c < width:
            out[r, c] = True
    return out


@pytest.mark.parametrize(("first", "blocks"), [(3, 1), (3, 8), (7, 3)])
def test_the_field_of_stacked_masks_has_a_blind_spot(first, blocks):
    """By gradient it is what a walk over the masks gives, and it leaves out earlier pixels to the right."""
    model = lively(size=first, layers=blocks, width=16)
    row, column, side = 6, 4, 9
    seen = influence(model, (side, side), row, column)[0] > 0
    assert torch.equal(seen, reach(first, blocks, side, side, row, column))
    earlier = torch.arange(side * side).view(side, side) < row * side + column
    blind = earlier & ~seen
    assert blind[row - 1, column + 1 + first // 2 :].all()  # to the right in the row above, however deep
    assert not (seen & ~earlier).any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 2, 1), (1, 1, 2), (2, 1, 1)])
def test_the_probabilities_of_all_pictures_add_up_to_one(kind, shape):
    """All 17² grey pictures of two pixels, and all 17² pictures of one pixel with two colours."""
    model = lively(KINDS[kind], colours=shape[0])
    every = torch.tensor(list(itertools.product(range(17), repeat=2))).view(-1, *shape)  # (289, C, H, W)
    with torch.no_grad():
        bits = pixel_bits(model(every), every).flatten(1).sum(1)
    p = torch.exp2(-bits)
    assert p.std() > 0.1 * p.mean()
    torch.testing.assert_close(p.sum(), torch.tensor(1.0, dtype=torch.float64))


PLANTS = [
    ('masked("A", colours, width, size)', 'masked("B", colours, width, size)'),
    ('self.mix = masked("B", width, head, 1)', "self.mix = nn.Conv2d(width, head, 3, padding=1)"),
    (
        'self.look = MaskedConv2d("B", half, half, 3, colours=colours, mask=mask)',
        "self.look = nn.Conv2d(half, half, 3, padding=1)",
    ),
]


@pytest.mark.parametrize("fault", PLANTS)
def test_a_planted_leak_is_seen(fault):
    module = planted("lecture_utils.generative.pixel.pixelcnn", fault)
    assert violations(lively(module.PixelCNN), 4, 4)


@pytest.mark.parametrize(
    "fault",
    [
        (
            'self.score = masked("B", head, colours * levels, 1)',
            "self.score = nn.Conv2d(head, colours * levels, 1)",
        ),
        (
            "x.unflatten(1, (self.colours, self.levels)).transpose(1, 2)",
            "x.unflatten(1, (self.levels, self.colours))",
        ),
        *PLANTS,
    ],
)
def test_a_planted_leak_between_colours_is_seen(fault):
    module = planted("lecture_utils.generative.pixel.pixelcnn", fault)
    assert violations(lively(module.PixelCNN, colours=3), 3, 3)


def residual_block_agrees(module):
    """Whether a block is figure 5's, written out with PyTorch's convolutions."""
    torch.manual_seed(0)
    block, x = module.ResidualBlock(8).double(), torch.randn(2, 8, 5, 6, dtype=torch.float64)
    y = torch.einsum("oi,bihw->bohw", block.reduce.weight[:, :, 0, 0], x.clamp(min=0))
    y = F.pad((y + block.reduce.bias[:, None, None]).clamp(min=0), (1, 1, 1, 0))
    kernel = block.look.weight[:, :, :2].clone()
    kernel[:, :, 1, 2] = 0  # of the middle row the right one is left out
    y = F.conv2d(y, kernel, block.look.bias).clamp(min=0)
    want = x + F.conv2d(y, block.expand.weight, block.expand.bias)
    return bool((block(x) - want).abs().max() < 1e-9)


def test_the_residual_block_is_that_of_figure_5():
    assert residual_block_agrees(pixelcnn)


@pytest.mark.parametrize(
    "fault",
    [
        ("return x + self.dropout(y)", "return self.dropout(y)"),
        ("self.reduce(F.relu(x))", "self.reduce(x)"),
        ("self.expand(F.relu(y))", "self.expand(y)"),
    ],
)
def test_a_planted_fault_in_the_block_is_seen(fault):
    assert not residual_block_agrees(planted("lecture_utils.generative.pixel.pixelcnn", fault))


@pytest.mark.parametrize("kind", KINDS)
def test_one_batch_is_learned(kind):
    torch.manual_seed(0)
    model = KINDS[kind](5, width=16, layers=2, size=3)
    image = torch.randint(0, 5, (2, 1, 4, 4), generator=torch.Generator().manual_seed(1))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(120):
        optimizer.zero_grad()
        loss = bits_per_dim(model(image), image).mean()
        loss.backward()
        optimizer.step()
    # what is left: nothing tells the first pixel which of the two pictures it is, 1 bit of 16 numbers
    assert loss < 0.15


@pytest.mark.parametrize("kind", KINDS)
def test_any_size_and_a_batch_of_one(kind):
    model = KINDS[kind](4, width=4, layers=1, size=5)
    for shape in ((1, 1, 1, 1), (1, 1, 3, 9), (3, 1, 10, 2)):
        assert model(torch.zeros(shape, dtype=torch.long)).shape == (shape[0], 4, *shape[1:])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PixelCNN(1), "levels 1"),
        (lambda: PixelCNN(4, size=4), "size: got 4, want an odd one"),
        (lambda: PixelCNN(4, colours=3, width=8), "width: got 8, want a multiple of 6|multiples of 3"),
        (lambda: PixelCNN(4, colours=3, width=6, head=4), "want multiples of 3 colours"),
        (lambda: ResidualBlock(7), "width: got 7, want a multiple of 2"),
        (lambda: PixelRNN(4, dropout=2.0), "dropout: got 2"),
        (lambda: PixelCNN(4)(torch.rand(1, 1, 4, 4)), "image: got torch.float32"),
        (lambda: PixelCNN(4)(torch.full((1, 1, 4, 4), 4)), "want 0 to 3"),
        (lambda: PixelCNN(4)(torch.zeros(1, 3, 4, 4, dtype=torch.long)), r"want numbers \(B, 1, H, W\)"),
        (lambda: PixelCNN(4).logits(torch.zeros(1, 3, 4, 4)), "1"),
        (lambda: influence(PixelCNN(4), (3, 3), 3, 0), "row: got 3, want 0 to 2"),
        (lambda: influence(PixelCNN(4), (3, 3), 0, 0, colour=1), "colour: got 1, want 0 to 0"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
