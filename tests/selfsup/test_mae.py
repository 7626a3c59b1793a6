"""Masking, order, target and loss of the masked auto-encoder."""

from collections.abc import Callable

import pytest
import torch

from lecture_utils.backbones.vit import ViT
from lecture_utils.selfsup.mae import (
    MAE,
    MAEWithMoments,
    masked_loss,
    normalise_patches,
    patchify,
    random_masking,
    unpatchify,
)

pytestmark = pytest.mark.system("S03.1")


def tiny(**changes: object) -> MAE:
    torch.manual_seed(0)
    encoder = ViT(image=16, patch=4, dim=24, heads=3, hidden=48, layers=2, classes=5)
    kind = MAEWithMoments if "moments" in changes else MAE
    return kind(encoder, width=16, heads=2, layers=1, **changes)  # type: ignore[arg-type]


def test_the_defaults_are_the_small_decoder_and_three_quarters_hidden() -> None:
    losses = []
    for settings in ({}, {"width": 64, "heads": 4, "layers": 1, "ratio": 0.75, "normalise": True}):
        torch.manual_seed(0)
        model = MAE(ViT(image=16, patch=4, dim=24, heads=3, hidden=48, layers=1, classes=5), **settings)
        with torch.no_grad():
            for value in model.decoder.parameters():
                value.mul_(8)  # attention that is not almost uniform: the number of heads counts
        losses.append(model(torch.rand(2, 3, 16, 16), generator=torch.Generator().manual_seed(0))[0])
    assert torch.equal(*losses)


def test_patches_go_back_where_they_came_from() -> None:
    x = torch.randn(2, 3, 8, 12)
    rows = patchify(x, 4)
    assert rows.shape == (2, 6, 48)
    torch.testing.assert_close(rows[0, 1], x[0, :, :4, 4:8].permute(1, 2, 0).flatten())
    assert torch.equal(unpatchify(rows, 4, 8, 12), x)


@pytest.mark.parametrize("ratio", [0.0, 0.5, 0.75, 0.99])
def test_masking_keeps_the_right_number_and_can_be_undone(ratio: float) -> None:
    tokens = torch.randn(3, 16, 5)
    visible, mask, restore = random_masking(tokens, ratio)
    keep = max(1, round(16 * (1 - ratio)))
    assert visible.shape == (3, keep, 5)
    assert torch.equal((~mask).sum(1), torch.full((3,), keep))
    padded = torch.cat([visible, torch.zeros(3, 16 - keep, 5)], dim=1)
    back = padded.gather(1, restore[..., None].expand(-1, -1, 5))
    assert torch.equal(back[~mask], tokens[~mask])
    assert not back[mask].any()


def test_every_patch_is_hidden_equally_often() -> None:
    tokens = torch.zeros(4000, 16, 1)
    share = random_masking(tokens, 0.75, generator=torch.Generator().manual_seed(0))[1].float().mean(0)
    assert (share - 0.75).abs().max() < 5 * (0.75 * 0.25 / 4000) ** 0.5  # five standard errors


def test_the_encoder_never_sees_hidden_patches() -> None:
    model, x = tiny(), torch.rand(1, 3, 16, 16)
    generator = torch.Generator()
    latent, mask, _ = model.encode(x, generator=generator.manual_seed(3))
    rows = patchify(x, 4)
    rows[mask] = 99.0
    again, _, _ = model.encode(unpatchify(rows, 4, 16, 16), generator=generator.manual_seed(3))
    assert latent.shape == (1, 1 + 4, 24)
    assert torch.equal(latent, again)


def test_visible_patches_do_not_enter_the_loss() -> None:
    prediction, target = torch.randn(2, 6, 12), torch.randn(2, 6, 12)
    mask = torch.tensor([[True, False, True, False, False, False], [False] * 5 + [True]])
    want = torch.stack([(prediction - target)[mask][i].square().mean() for i in range(3)]).mean()
    torch.testing.assert_close(masked_loss(prediction, target, mask), want)
    assert masked_loss(prediction, target, torch.zeros(2, 6, dtype=torch.bool)) == 0


def test_targets_are_normalised_patch_by_patch() -> None:
    rows = normalise_patches(torch.rand(2, 6, 48) * 5 + 3)
    torch.testing.assert_close(rows.mean(-1), torch.zeros(2, 6), atol=1e-4, rtol=0)
    torch.testing.assert_close(rows.var(-1), torch.ones(2, 6), atol=1e-4, rtol=0)


def test_predicted_moments_need_nothing_of_the_hidden_patches() -> None:
    """A model with moments fills in the same whatever is hidden; one without borrows mean and spread."""
    x = torch.rand(1, 3, 16, 16)
    for changes, same in (({"moments": 1.0}, True), ({}, False)):
        model = tiny(**changes)
        filled, mask = model.reconstruct(x, generator=torch.Generator().manual_seed(1))
        rows = patchify(x, 4)
        rows[mask] = torch.rand(int(mask.sum()), 48) * 3
        again, _ = model.reconstruct(unpatchify(rows, 4, 16, 16), generator=torch.Generator().manual_seed(1))
        assert torch.equal(patchify(filled, 4)[mask], patchify(again, 4)[mask]) is same


def test_the_moments_loss_is_that_of_hidden_patches_means_and_spreads() -> None:
    x, model = torch.rand(2, 3, 16, 16), tiny(moments=2.0)
    loss, prediction, mask = model(x, generator=torch.Generator().manual_seed(1))
    latent, _, restore = model.encode(x, generator=torch.Generator().manual_seed(1))
    said, rows = model.to_moments(model.decode(latent, restore))[mask], patchify(x, 4)[mask]
    want = ((said[:, 0] - rows.mean(-1)).square() + (said[:, 1] - rows.std(-1)).square()).mean() / 2
    plain = masked_loss(prediction, normalise_patches(patchify(x, 4)), mask)
    torch.testing.assert_close(loss, plain + 2 * want)


def test_without_moments_the_true_mean_and_spread_are_borrowed() -> None:
    x, model = torch.rand(2, 3, 16, 16), tiny()
    filled, mask = model.reconstruct(x, generator=torch.Generator().manual_seed(1))
    prediction = model(x, generator=torch.Generator().manual_seed(1))[1].detach()
    rows = patchify(x, 4)
    want = prediction * rows.std(-1, keepdim=True) + rows.mean(-1, keepdim=True)
    torch.testing.assert_close(patchify(filled, 4)[mask], want[mask])
    plain = tiny(normalise=False)
    filled, mask = plain.reconstruct(x, generator=torch.Generator().manual_seed(1))
    prediction = plain(x, generator=torch.Generator().manual_seed(1))[1].detach()
    torch.testing.assert_close(patchify(filled, 4)[mask], prediction[mask])


def test_predicted_spreads_are_not_negative() -> None:
    model, x = tiny(moments=1.0), torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        model.to_moments.weight.zero_()
        model.to_moments.bias.copy_(torch.tensor([0.3, -2.0]))
    filled, mask = model.reconstruct(x)
    torch.testing.assert_close(patchify(filled, 4)[mask], torch.full((12, 48), 0.3))


def test_what_reconstruct_returns_can_be_trained_on_and_changed() -> None:
    filled, _ = tiny(moments=1.0).reconstruct(torch.rand(1, 3, 16, 16))
    filled.clamp_(0, 1)
    (filled.requires_grad_() * 2).sum().backward()
    assert filled.grad is not None and not filled.is_inference()


@pytest.mark.parametrize("normalise", [False, True])
def test_reconstruction_keeps_what_was_visible(normalise: bool) -> None:
    x = torch.rand(2, 3, 16, 16)
    filled, mask = tiny(normalise=normalise).reconstruct(x)
    rows, want = patchify(filled, 4), patchify(x, 4)
    assert torch.equal(rows[~mask], want[~mask])
    assert not torch.allclose(rows[mask], want[mask])


def test_learns_to_fill_one_batch() -> None:
    model = tiny(normalise=False)
    x = torch.rand(4, 3, 1, 1).expand(4, 3, 16, 16).contiguous()  # flat colours: what is hidden can be known
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(400):
        loss = model(x)[0]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.1 * x.var()


def test_bad_input_is_told() -> None:
    with pytest.raises(ValueError, match=r"ratio 1\.0"):
        random_masking(torch.randn(1, 4, 2), 1.0)
    with pytest.raises(ValueError, match=r"\(1, 3, 10, 8\)"):
        patchify(torch.randn(1, 3, 10, 8), 4)
    with pytest.raises(ValueError, match="moments: got -1"):
        tiny(moments=-1)
    with pytest.raises(ValueError, match="normalise False"):
        tiny(moments=1.0, normalise=False)
    for size in ((24, 24), (16, 32), (12, 12)):
        with pytest.raises(ValueError, match=r"images: got .*want floating point \(B, 3, 16, 16\)"):
            tiny().reconstruct(torch.rand(1, 3, *size))
    with pytest.raises(ValueError, match="without positions"):
        MAE(ViT(image=8, patch=4, dim=8, heads=1, hidden=8, layers=1, classes=2, position=False))


ROWS, HIDDEN = torch.rand(3, 4, 12), torch.ones(3, 4, dtype=torch.bool)
X = torch.rand(2, 3, 16, 16)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: masked_loss(ROWS[:1], ROWS, HIDDEN), r"target: got .*\(3, 4, 12\), want .*\(1, 4, 12\)"),
        (lambda: masked_loss(ROWS, ROWS, HIDDEN[0]), r"mask: got torch.bool \(4,\), want bool \(3, 4\)"),
        (lambda: masked_loss(ROWS, ROWS, HIDDEN.float()), "mask: got torch.float32"),
        (lambda: masked_loss(ROWS.byte(), ROWS, HIDDEN), "prediction: got torch.uint8"),
        (lambda: masked_loss(ROWS[:0], ROWS[:0], HIDDEN[:0]), "no axis of length 0"),
        (lambda: patchify(X[0], 4), r"patchify: got torch.float32 \(3, 16, 16\)"),
        (lambda: patchify(X, 0), "patch: got 0"),
        (lambda: patchify([1], 4), "patchify: got list"),
        (lambda: unpatchify(ROWS, 2, 4, 6), r"unpatchify: got .*want numbers \(B, 6, P·P·C\)"),
        (lambda: unpatchify(ROWS, 5, 10, 10), "got rows of 12 numbers, want a multiple of 25"),
        (lambda: unpatchify(ROWS, 2, 5, 4), "5 × 4 pixels"),
        (lambda: random_masking(torch.rand(4, 2), 0.5), r"tokens: got .*\(4, 2\)"),
        (lambda: random_masking(torch.rand(2, 0, 2), 0.5), "no axis of length 0"),
        (lambda: random_masking(ROWS, float("nan")), "ratio nan"),
        (lambda: normalise_patches(ROWS[..., :1]), "two or more numbers a patch"),
        (lambda: normalise_patches(ROWS.byte()), "divide 8-bit values"),
        (lambda: normalise_patches(ROWS, 0.0), "eps: got 0.0"),
        (lambda: tiny()((X * 255).byte()), "images: got torch.uint8 .*divide 8-bit"),
        (lambda: tiny()(X[0]), "for one image use"),
        (lambda: tiny()(X[:0]), "no axis of length 0"),
        (lambda: tiny()(X.permute(0, 2, 3, 1)), r"\(2, 16, 16, 3\), want floating point \(B, 3, 16, 16\)"),
        (lambda: tiny(ratio=1.0), "ratio 1.0"),
        (lambda: MAE(torch.nn.Linear(2, 2)), "MAE: got Linear"),
        (lambda: tiny().decode(torch.rand(2, 5, 24), torch.zeros(2, 16).long()), "rows that are no orders"),
        (
            lambda: tiny().decode(torch.rand(2, 5, 23), torch.zeros(2, 16).long()),
            r"latent: got .*\(2, 5, 23\)",
        ),
        (lambda: tiny().decode(torch.rand(2, 18, 24), torch.zeros(2, 16).long()), "17 visible patches"),
        (lambda: tiny().decode(torch.rand(2, 5, 24), torch.zeros(2, 15).long()), r"restore: got .*\(2, 15\)"),
    ],
)
def test_wrong_shapes_and_types_are_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
