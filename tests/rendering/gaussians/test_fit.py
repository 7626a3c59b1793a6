"""Fitting: the loss, one view overfitted, a scene recovered on views it has not seen, the schedule."""

import pytest
import torch
from skimage.metrics import structural_similarity

from lecture_utils.ops.camera import Cameras, orbit
from lecture_utils.rendering.gaussians import fit
from lecture_utils.rendering.gaussians.gaussians import Gaussians, random_gaussians

pytestmark = pytest.mark.system("S18.5")


def balls(n: int = 6) -> Gaussians:
    """A scene of a few coloured balls."""
    made = torch.Generator().manual_seed(5)
    means = torch.rand(n, 3, generator=made) * 1.2 - 0.6
    return Gaussians(means, torch.rand(n, 3, generator=made), torch.full((n,), 0.12), degree=0, opacity=0.95)


def views(count: int = 8, *, start: float = 0.0, side: int = 32) -> tuple[Cameras, torch.Tensor]:
    cameras = orbit(count, (side, side), start_deg=start)
    with torch.no_grad():
        return cameras, balls()(cameras).clamp(0, 1)


def psnr(scene: Gaussians, cameras: Cameras, images: torch.Tensor) -> float:
    with torch.no_grad():
        return float(-10 * (scene(cameras).clamp(0, 1) - images).square().mean().log10())


def start(n: int = 60, seed: int = 0, degree: int = 1) -> Gaussians:
    return random_gaussians(n, degree=degree, generator=torch.Generator().manual_seed(seed))


def test_the_loss_is_equation_7():
    torch.manual_seed(0)
    a, b = torch.rand(2, 3, 20, 24, dtype=torch.float64)
    alike = structural_similarity(
        a.numpy(), b.numpy(), channel_axis=0, data_range=1.0, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False,
    )  # fmt: skip
    want = 0.8 * float((a - b).abs().mean()) + 0.2 * (1 - alike)
    assert float(fit.splat_loss(a, b)) == pytest.approx(want, abs=1e-10)
    assert float(fit.splat_loss(a, b, 0.0)) == pytest.approx(float((a - b).abs().mean()))
    assert float(fit.splat_loss(a, a)) == pytest.approx(0, abs=1e-10)


def test_one_view_is_overfitted():
    cameras, images = views(1)
    scene = start()
    settings = fit.FitSettings(steps=80, densify_until=0, mean_rate=1e-2)
    before = psnr(scene, cameras, images)
    history = fit.fit_gaussians(scene, cameras, images, settings)
    assert len(history.losses) == 80 and history.seconds > 0
    assert psnr(scene, cameras, images) > max(before + 8, 22)


def test_views_that_were_not_shown_are_predicted():
    cameras, images = views(8)
    between, unseen = views(8, start=22.5)
    scene = start()
    settings = fit.FitSettings(
        steps=200, densify_from=40, densify_until=120, densify_every=40, mean_rate=1e-2, most=150
    )
    before = psnr(scene, between, unseen)
    history = fit.fit_gaussians(scene, cameras, images, settings)
    assert psnr(scene, between, unseen) > max(before + 8, 22)
    assert [step + 1 for step, _ in history.changes] == [80, 120]
    assert sum(change.cloned + change.split for _, change in history.changes) > 0


def test_the_same_seed_gives_the_same_scene_and_another_another():
    cameras, images = views(3)
    ends = []
    for seed in (0, 0, 1):
        scene = start(20)
        fit.fit_gaussians(scene, cameras, images, fit.FitSettings(steps=6), seed=seed)
        ends.append(scene.means.detach())
    assert torch.equal(ends[0], ends[1]) and not torch.equal(ends[0], ends[2])


def test_each_view_comes_once_in_a_pass_and_degrees_join_one_by_one(monkeypatch):
    cameras, images = views(4)
    scene, shown, degrees = start(10, degree=2), [], []
    real = fit.fit_step

    def spy(gaussians, optimizer, camera, target, weight):
        shown.append(next(i for i in range(4) if torch.equal(images[i], target)))
        degrees.append(gaussians.active_degree)
        assert torch.equal(camera.rotation, cameras[shown[-1]].rotation)
        return real(gaussians, optimizer, camera, target, weight)

    monkeypatch.setattr(fit, "fit_step", spy)
    fit.fit_gaussians(scene, cameras, images, fit.FitSettings(steps=12, degree_every=5))
    assert [sorted(shown[i : i + 4]) for i in (0, 4, 8)] == [[0, 1, 2, 3]] * 3
    assert degrees == [0] * 5 + [1] * 5 + [2] * 2
    assert scene.active_degree == 2


def test_the_means_rate_falls_evenly_in_its_logarithm():
    settings = fit.FitSettings(steps=101, mean_rate=1e-2, last_mean_rate=1e-4)
    rates = [fit.mean_rate_at(settings, step) for step in (0, 50, 100)]
    assert rates == pytest.approx([1e-2, 1e-3, 1e-4])


def test_opacities_are_reset_when_due():
    cameras, images = views(2)
    scene, seen = start(30), []
    fit.fit_gaussians(
        scene, cameras, images, fit.FitSettings(steps=8, reset_every=5, densify_until=8),
        after_step=lambda step: seen.append(scene.opacities.max().item()),
    )  # fmt: skip
    assert seen[3] > 0.05 and seen[4] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: fit.fit_gaussians(start(), orbit(2, (16, 16)), torch.rand(3, 3, 16, 16)),
            r"want floating point \(2, 3, 16",
        ),
        (
            lambda: fit.fit_gaussians(start(), orbit(2, (16, 16)), 9 * torch.rand(2, 3, 16, 16)),
            r"in \[0, 1\]",
        ),
        (lambda: fit.splat_loss(torch.rand(3, 16, 16), torch.rand(3, 16, 17)), "the target's"),
        (lambda: fit.FitSettings(steps=0), "steps: got 0"),
        (lambda: fit.FitSettings(ssim_weight=2.0), "ssim_weight: got 2"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
