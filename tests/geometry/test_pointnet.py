"""PointNet: sets stay sets to the last bit, the paper's sizes, points one by one, the points that count."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils.geometry import point_blocks, point_layers, pointnet
from tests.mutants import planted
from tests.parity import assert_parity, liven

pytestmark = pytest.mark.system("S18.3")


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


POINTS = (1, 7, 64, 101)  # also such as fill no block of a matrix product


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def lively(model: nn.Module, points: int = 20, channels: int = 3) -> nn.Module:
    made = torch.Generator().manual_seed(1)
    model.eval()
    for part in model.modules():
        if isinstance(part, pointnet.TransformNet):  # it starts at zero, and would turn every cloud alike
            nn.init.normal_(part.matrix.weight, std=0.3, generator=made)
    x, y = (torch.randn(2, points, channels, generator=made) for _ in range(2))

    class Scores(nn.Module):  # `liven` wants one tensor
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, x: Tensor) -> Tensor:
            out = model(x)
            return out.pooled if isinstance(out, pointnet.PointFeatures) else out[0]

    liven(Scores(), x, y)
    return model


def test_sizes_are_those_of_table_6() -> None:
    """3.5 million parameters with the alignment networks, 0.8 million without, for ModelNet40."""
    full, vanilla = (pointnet.PointNetClassifier(40, transforms=on) for on in (True, False))
    assert round(parameters(full) / 1e6, 1) == 3.5 and round(parameters(vanilla) / 1e6, 1) == 0.8
    assert parameters(full) == 3_480_049 and parameters(vanilla) == 819_624  # layer by layer, by hand
    parts = pointnet.PointNetSegmenter(50, transforms=False)
    assert parts.join.in_channels == 1088  # figure 2


@pytest.mark.parametrize("points", POINTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_order_of_points_changes_no_bit_of_the_pooled_feature(points: int, dtype: torch.dtype) -> None:
    model = point_layers.in_one_order(lively(pointnet.PointNet(width=8)).to(dtype))
    x = torch.randn(3, points, 3, dtype=dtype, generator=torch.Generator().manual_seed(points))
    order = torch.randperm(points, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        before, after = model(x), model(x[:, order])
    assert torch.equal(before.pooled, after.pooled)
    assert torch.equal(before.deep[:, :, order], after.deep)
    assert torch.equal(pointnet.critical_points(before)[:, order], pointnet.critical_points(after))


@pytest.mark.parametrize("points", POINTS)
def test_the_scores_of_points_go_with_them_to_the_last_bit(points: int) -> None:
    segmenter = pointnet.PointNetSegmenter(5, categories=2, width=8).eval()
    lively(segmenter.features)
    point_layers.in_one_order(segmenter)
    x = torch.randn(2, points, 3, generator=torch.Generator().manual_seed(points))
    order, kind = torch.randperm(points, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1])
    with torch.inference_mode():
        assert torch.equal(segmenter(x, kind)[0][:, :, order], segmenter(x[:, order], kind)[0])
        assert not torch.equal(segmenter(x, kind)[0], segmenter(x, kind.flip(0))[0])


def test_whole_numbers_leave_no_rounding_so_that_the_library_keeps_every_bit_too() -> None:
    """With whole weights and points no sum is rounded: the batched products must agree bit for bit."""
    model = pointnet.PointNet(width=4).double().eval()
    made = torch.Generator().manual_seed(0)
    for part in model.modules():
        if isinstance(part, nn.Conv1d | nn.Linear):
            for value in part.parameters():
                value.data = torch.randint(-1, 2, value.shape, generator=made).double()
        if isinstance(part, nn.BatchNorm1d):
            part.eps = 0.0
    x = torch.randint(-2, 3, (2, 37, 3), generator=made).double()
    order = torch.randperm(37, generator=made)
    with torch.inference_mode():
        before, after = model(x), model(x[:, order])
    assert before.pooled.max() > 0 and torch.equal(before.pooled, before.pooled.round())
    assert before.pooled.max() < 2**53
    assert torch.equal(before.pooled, after.pooled) and torch.equal(before.deep[:, :, order], after.deep)


def by_loop(model: pointnet.PointNet, cloud: Tensor) -> tuple[Tensor, Tensor]:
    """One cloud (P, 3) read point by point with plain vectors: the pooled feature and the local ones."""

    def shared(layers: nn.Sequential, x: Tensor) -> Tensor:
        for conv, norm, _ in zip(layers[::3], layers[1::3], layers[2::3], strict=True):
            x = conv.weight[:, :, 0] @ x + conv.bias
            x = (x - norm.running_mean) / torch.sqrt(norm.running_var + norm.eps) * norm.weight + norm.bias
            x = x.clamp(min=0)
        return x

    def largest(layers: nn.Sequential, points: list[Tensor]) -> Tensor:
        best = shared(layers, points[0])
        for point in points[1:]:
            best = torch.maximum(best, shared(layers, point))
        return best

    def align(net: pointnet.TransformNet, points: list[Tensor]) -> list[Tensor]:
        x = largest(net.points, points)
        for linear, norm in zip(net.cloud[::3], net.cloud[1::3], strict=True):
            x = linear.weight @ x + linear.bias
            x = (x - norm.running_mean) / torch.sqrt(norm.running_var + norm.eps) * norm.weight + norm.bias
            x = x.clamp(min=0)
        side = net.channels
        matrix = (net.matrix.weight @ x + net.matrix.bias).reshape(side, side)
        return [matrix @ point for point in points]

    points = align(model.align_points, list(cloud))
    points = align(model.align_features, [shared(model.first, point) for point in points])
    return largest(model.second, points), torch.stack(points, dim=1)


def test_a_loop_over_points_gives_the_same() -> None:
    model = lively(pointnet.PointNet(width=6)).double()
    x = torch.randn(2, 9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    for exact in (False, True):
        out = point_layers.in_one_order(model, exact)(x)
        for i in range(2):
            pooled, local = by_loop(model, x[i])
            torch.testing.assert_close(out.pooled[i], pooled)
            torch.testing.assert_close(out.local[i], local)


def by_row(model: pointnet.PointNetSegmenter, cloud: Tensor, kind: int) -> Tensor:
    """Scores (K, P) of one cloud (P, 3): point by point, with local, pooled and class in a row."""
    pooled, local = by_loop(model.features, cloud)
    told = torch.zeros(model.categories).to(cloud)
    told[kind] = 1
    layers = [model.join, *model.points[:2], *model.points[2]]
    columns = []
    for point in local.T:
        x = torch.cat([point, pooled, told])
        for conv, norm, _ in zip(layers[::3], layers[1::3], layers[2::3], strict=True):
            x = conv.weight[:, :, 0] @ x + conv.bias
            x = (x - norm.running_mean) / torch.sqrt(norm.running_var + norm.eps) * norm.weight + norm.bias
            x = x.clamp(min=0)
        columns.append(model.score.weight[:, :, 0] @ x + model.score.bias)
    return torch.stack(columns, dim=1)


SEGMENTER_FAULTS = {
    "local features before the alignment": (
        ("local = self.align_features.turn(", "turned = self.align_features.turn("),
        ("deep = self.second(local)", "deep = self.second(turned)"),
    ),
    "class told in front": (("[cloud, told], dim=1", "[told, cloud], dim=1"),),
    "mean for max": (("deep.max(dim=2).values, transform", "deep.mean(dim=2), transform"),),
}  # fmt: skip


@pytest.mark.parametrize("fault", [None, *SEGMENTER_FAULTS])
def test_points_are_scored_as_one_by_one_and_faults_turn_it_red(fault: str | None) -> None:
    ours = pointnet.PointNetSegmenter(5, categories=3, width=6).eval()
    lively(ours.features)
    ours.double()
    made, kind = torch.Generator().manual_seed(5), torch.tensor([1])
    inputs = [torch.randn(1, 12, 3, dtype=torch.float64, generator=made) for _ in range(2)]

    class OneKind(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = ours

        def forward(self, x: Tensor) -> Tensor:
            return ours(x, kind)[0]

    liven(OneKind(), *inputs)
    module = planted("lecture_utils.geometry.pointnet", *SEGMENTER_FAULTS[fault]) if fault else pointnet
    other = module.PointNetSegmenter(5, categories=3, width=6).double().eval()
    other.load_state_dict(ours.state_dict())

    def compare() -> None:
        assert_parity(lambda x: other(x, kind)[0], lambda x: by_row(ours, x[0], 1)[None], *inputs)

    if fault:
        with pytest.raises(AssertionError, match="differ by"):
            compare()
    else:
        compare()


FAULTS = {
    "mean for max": (("deep.max(dim=2).values, transform", "deep.mean(dim=2), transform"),),
    "matrix transposed": (("matrix_times_points(matrix, x) if self.in_one_order else matrix @ x",
                           "matrix.transpose(1, 2) @ x"),),
    "second alignment forgotten": (
        ("local = self.align_features.turn(transform, local)", "pass"),
    ),
    "no first alignment": (("x = self.align_points.turn(self.align_points(x), x)", "pass"),),
}  # fmt: skip


@pytest.mark.parametrize("fault", [None, *FAULTS])
def test_parity_with_the_loop_turns_red_for_planted_faults(fault: str | None) -> None:
    ours = lively(pointnet.PointNet(width=6)).double()
    module = planted("lecture_utils.geometry.pointnet", *FAULTS[fault]) if fault else pointnet
    other = module.PointNet(width=6).double().eval()
    other.load_state_dict(ours.state_dict())
    made = torch.Generator().manual_seed(5)
    inputs = [torch.randn(1, 12, 3, dtype=torch.float64, generator=made) for _ in range(2)]

    def compare() -> None:
        assert_parity(lambda x: other(x).pooled, lambda x: by_loop(ours, x[0])[0][None], *inputs)

    if fault:
        with pytest.raises(AssertionError, match="differ by"):
            compare()
    else:
        compare()


def test_gradients_are_those_of_the_loop() -> None:
    model = lively(pointnet.PointNet(width=4)).double()
    x = torch.randn(1, 6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    wants = torch.autograd.grad(by_loop(model, x[0])[0].square().sum(), list(model.parameters()))
    gots = torch.autograd.grad(model(x).pooled.square().sum(), list(model.parameters()))
    for got, want in zip(gots, wants, strict=True):
        torch.testing.assert_close(got, want)
    assert any(float(want.abs().max()) > 1e-3 for want in wants)


def test_alignments_start_as_the_identity_and_the_penalty_sees_what_squashes() -> None:
    model = pointnet.PointNet(width=5).eval()
    x = torch.randn(2, 8, 3)
    out = model(x)
    assert out.transform is not None
    torch.testing.assert_close(out.transform, torch.eye(5).expand(2, 5, 5))
    assert pointnet.orthogonality_penalty(out.transform) == 0
    turned = torch.linalg.qr(torch.randn(3, 5, 5, dtype=torch.float64)).Q
    assert float(pointnet.orthogonality_penalty(turned)) < 1e-20
    halved = 0.5 * torch.eye(4)[None]
    assert float(pointnet.orthogonality_penalty(halved)) == pytest.approx(4 * 0.75**2)
    rows = torch.tensor([[[1.0, 2.0], [0.0, 1.0]]])  # A Aᵀ = [[5, 2], [2, 1]]
    assert float(pointnet.orthogonality_penalty(rows)) == pytest.approx(16 + 4 + 4)


def test_points_that_win_the_maximum_make_the_feature_and_are_few() -> None:
    model = lively(pointnet.PointNet(width=6, transforms=False), points=200).double()
    x = torch.randn(1, 200, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    out = model(x)
    critical = pointnet.critical_points(out)[0]
    torch.testing.assert_close(model(x[:, critical]).pooled, out.pooled)
    wins = (out.deep[0] == out.pooled[0, :, None]) & (out.deep[0] > 0)  # (F, P)
    alone = wins[wins.sum(1) == 1].any(0)  # points that nobody equals in some channel
    assert 0 < int(alone.sum()) <= 96, "at most one for each of 16 · 6 channels: theorem 2"
    assert critical[alone].all() and not critical.all()
    for point in alone.nonzero().flatten().tolist():
        without = [p for p in range(200) if p != point]
        assert not torch.equal(model(x[:, without]).pooled, out.pooled)
    doubled = pointnet.critical_points(model(x.repeat(1, 2, 1)))[0]
    assert torch.equal(doubled, critical.repeat(2)), "of points that win together each is marked"


def test_loss_is_cross_entropy_and_a_small_penalty() -> None:
    scores, labels = torch.randn(3, 4, 6), torch.randint(4, (3, 6))
    transform = 0.5 * torch.eye(4).expand(3, 4, 4)
    want = F.cross_entropy(scores, labels)
    assert float(pointnet.pointnet_loss(scores, labels)) == pytest.approx(float(want))
    got = pointnet.pointnet_loss(scores, labels, transform, penalty=0.1)
    assert float(got) == pytest.approx(float(want) + 0.1 * 4 * 0.75**2)


def test_one_batch_of_clouds_and_of_points_is_learned() -> None:
    torch.manual_seed(0)
    x = torch.randn(6, 24, 3)
    x[:3, :, 2] = 0  # flat clouds and thick ones
    whole, each = (torch.arange(6) >= 3).long(), (x[:, :, 0] > 0).long()
    for model, labels in (
        (pointnet.PointNetClassifier(2, width=8, dropout=0), whole),
        (pointnet.PointNetSegmenter(2, width=8), each),
    ):
        optimizer = torch.optim.Adam(model.parameters(), 5e-3)
        for _ in range(120):
            optimizer.zero_grad()
            scores, transform = model(x)
            loss = pointnet.pointnet_loss(scores, labels, transform)
            loss.backward()
            optimizer.step()
        assert loss < 0.1


def test_blocks_hold_each_point_once_and_know_where_they_are() -> None:
    made = torch.Generator().manual_seed(0)
    points = torch.rand(300, 3, generator=made) * torch.tensor([2.0, 3.0, 1.0])
    colours = torch.rand(300, 3, generator=made)
    blocks, low, high = point_blocks.block_points(points), points.amin(0), points.amax(0)
    assert len(blocks) == 6 and all(block.own.all() for block in blocks)
    for margin in (0.0, 0.3):
        again = point_blocks.block_points(points, margin_m=margin)
        own = [block.rows[block.own] for block in again]
        assert torch.equal(torch.cat(own).sort().values, torch.arange(300))
        for block, plain in zip(again, blocks, strict=True):
            assert torch.equal(block.rows[block.own], plain.rows) and torch.equal(block.middle, plain.middle)
            inside = ((points[:, :2] - block.middle).abs() <= 0.5 + margin).all(1)
            assert torch.equal(inside.nonzero().flatten(), block.rows)
            features = point_blocks.block_features(
                points[block.rows], colours[block.rows], block.middle, low, high
            )
            assert features.shape == (len(block.rows), 9) and features[:, :2].abs().max() <= 0.5 + margin
            assert torch.equal(features[:, 2], points[block.rows, 2])
            assert torch.equal(features[:, 3:6], colours[block.rows])
            torch.testing.assert_close(low + features[:, 6:] * (high - low), points[block.rows])
            torch.testing.assert_close(features[:, :2] + block.middle, points[block.rows, :2])
    large = point_blocks.block_points(points, least=50)
    assert [len(b.rows) for b in large] == [len(b.rows) for b in blocks if len(b.rows) >= 50]


def test_clouds_are_scaled_into_the_unit_ball_wherever_they_were() -> None:
    points = torch.randn(3, 30, 3, generator=torch.Generator().manual_seed(0))
    got = point_blocks.to_unit_sphere(points)
    torch.testing.assert_close(got.mean(1), torch.zeros(3, 3))
    torch.testing.assert_close(got.norm(dim=2).amax(1), torch.ones(3))
    moved = point_blocks.to_unit_sphere(5 * points + torch.tensor([1.0, -2, 3]))
    torch.testing.assert_close(moved, got, atol=1e-5, rtol=1e-5)
    assert point_blocks.to_unit_sphere(torch.ones(1, 4, 3)).abs().max() == 0


def test_a_quarter_turn_takes_x_to_y_and_leaves_z() -> None:
    got = point_blocks.turned(
        torch.tensor([[[1.0, 0, 5]], [[0.0, 2, 5]]]), torch.tensor([math.pi / 2, math.pi])
    )
    torch.testing.assert_close(got, torch.tensor([[[0.0, 1, 5]], [[0.0, -2, 5]]]), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pointnet.PointNet()(torch.rand(2, 3, 40)), r"got shape \(2, 3, 40\), want \(B, N, 3\)"),
        (lambda: pointnet.PointNet()(torch.rand(1, 40, 3)), "got one cloud in training"),
        (lambda: pointnet.PointNetSegmenter(4, categories=2)(torch.rand(2, 40, 3)), "category: got"),
        (lambda: pointnet.PointNetSegmenter(4)(torch.rand(2, 40, 3), torch.tensor([0, 1])), "category: got"),
        (lambda: pointnet.pointnet_loss(torch.rand(2, 3), torch.tensor([0, 3])), "from 0 to 3"),
        (lambda: pointnet.critical_points(torch.rand(2, 3)), "want what a PointNet returns"),
        (lambda: point_blocks.block_points(torch.rand(5, 3), side_m=0), "side_m: got 0"),
        (
            lambda: point_blocks.block_features(*torch.rand(2, 5, 3), torch.zeros(2), *torch.ones(2, 3)),
            "want more than low",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message) -> None:
    with pytest.raises(ValueError, match=message):
        make()
