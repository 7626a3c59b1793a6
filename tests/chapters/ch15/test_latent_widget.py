"""The latent plane: the cross, the decoded digit and the nearest test digit are where they should be."""

import pytest
import torch

from lecture_utils.chapters.ch15.widgets.latent_plane import decoded_here, encoded, latent_plane
from lecture_utils.recipes import digits_vae

pytestmark = pytest.mark.system("S15.3")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return digits_vae.build().eval()


def test_the_panels_show_the_decoded_and_the_nearest_digit(model):
    images, _, codes = encoded(model)
    z = codes[7] + 1e-4  # hardly beside a test digit's code
    plane, made, near = decoded_here(*z.tolist(), model=model).axes
    cross = plane.lines[-1].get_xydata()
    torch.testing.assert_close(torch.tensor(cross[0]).float(), z)
    shown = [torch.tensor(ax.images[0].get_array()[..., 0]).float() for ax in (made, near)]
    torch.testing.assert_close(shown[0], model.decode(z[None])[0, 0].detach())
    row = int(torch.cdist(z[None], codes).argmin())
    torch.testing.assert_close(shown[1], images[row, 0])


def test_the_widget_takes_a_learners_model(model):
    widget = latent_plane(model)
    assert len(widget.tour) == 8 and all(said.startswith("At (") for said, _ in widget.tour)
    shapes = {widget.picture(**values).shape for _, values in widget.tour[:2]}
    assert len(shapes) == 1
