"""The checks at the door: what passes, and what a refusal says."""

import numpy as np
import pytest
import torch

from lecture_utils.ops.checks import (
    check_ids,
    check_images,
    check_rgb,
    check_sizes,
    check_tokens,
    check_type,
)


def test_what_fits_passes() -> None:
    check_images(torch.zeros(1, 3, 48, 48))
    check_images(torch.zeros(2, 5, 1, 1), 5, like=torch.zeros(1))
    check_images(torch.zeros(1, 64, 20, 3), maps=True)  # a narrow map of many channels
    check_images(torch.zeros(1, 3, 48, 3))  # a narrow picture
    check_images(torch.zeros(1, 64, 20, 3), 64)
    check_rgb(torch.zeros(3, 4, 4))
    check_tokens(torch.zeros(2, 5, 8), 8, batch=2, like=torch.zeros(1))
    check_ids(torch.tensor([[0, 4]]), 5)
    check_sizes("a net", width=np.int64(3), depth=1)
    check_sizes("a net", least=0, padding=0)
    with torch.autocast("cpu", dtype=torch.bfloat16):  # a layer's weights stay float32 there
        check_type(torch.zeros(2, dtype=torch.bfloat16), torch.zeros(2))


HWC = torch.zeros(1, 48, 40, 3)
TOKENS = torch.zeros(2, 5, 8)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (
            lambda: check_images(HWC),
            r"got shape \(1, 48, 40, 3\), want \(B, C, H, W\); .* x.permute\(0, 3, 1, 2\)",
        ),
        (
            lambda: check_images(HWC, 3),
            r"got 48 channels in .* want \(B, 3, H, W\); .* x.permute\(0, 3, 1, 2\)",
        ),
        (lambda: check_images(HWC[0], 3), r"for one image use x.permute\(2, 0, 1\)\[None\]"),
        (lambda: check_images(HWC[0]), r"for one image use x.permute\(2, 0, 1\)\[None\]"),
        (lambda: check_images(torch.zeros(3, 9, 9)), r"for one image use x\[None\]"),
        (lambda: check_images(torch.zeros(9, 9)), r"got shape \(9, 9\), want \(B, C, H, W\)$"),
        (lambda: check_images(torch.zeros(1, 3, 0, 9)), "empty shape"),
        (lambda: check_images(torch.zeros(1, 3, 9, 9).long()), "dtype torch.int64"),
        (lambda: check_images(torch.full((1, 3, 9, 9), 9.0), unit_range=True), "from 9 to 9"),
        (lambda: check_images(torch.zeros(1, 3, 9, 9).double(), like=TOKENS), "float64, want torch.float32"),
        (lambda: check_rgb(torch.zeros(0, 3, 4, 4)), r"got shape \(0, 3, 4, 4\)"),
        (lambda: check_tokens(TOKENS, 9), r"got shape \(2, 5, 8\), want \(B, N, 9\)"),
        (lambda: check_tokens(TOKENS, batch=3), r"want \(3, N, D\)"),
        (lambda: check_tokens(TOKENS[0]), r"got shape \(5, 8\)"),
        (lambda: check_tokens(TOKENS[:, :0]), "no axis of length 0"),
        (lambda: check_tokens(TOKENS.half(), like=TOKENS), "float16, want torch.float32"),
        (lambda: check_tokens([1.0]), "got list"),  # type: ignore[arg-type]
        (lambda: check_ids(torch.tensor([0, 5]), 5), "got numbers from 0 to 5, want 0 to 4"),
        (lambda: check_ids(torch.tensor([-1]), 5), "got numbers from -1 to -1"),
        (lambda: check_ids(torch.tensor([1.0]), 5), "got torch.float32"),
        (lambda: check_ids(torch.zeros(0, dtype=torch.long), 5), "one or more"),
        (lambda: check_sizes("a net", width=0), "a net: got width 0, want a whole number, 1 or more"),
        (lambda: check_sizes("a net", width=2.0), "got width 2.0"),
        (lambda: check_sizes("a net", width=True), "got width True"),
        (lambda: check_sizes("a net", least=0, padding=-1), "got padding -1, want a whole number, 0 or more"),
    ],
)
def test_a_refusal_says_what_it_got_and_what_it_wants(check, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        check()
