"""Other samplers of diffusers on our network: they end where DDIM ends, and Euler's steps are DDIM's."""

import pytest
import torch

from lecture_utils import zoo
from lecture_utils.chapters.ch16 import pipeline_study
from lecture_utils.hub.diffusion_pipelines import stable_diffusion
from lecture_utils.recipes._latent_diffusion import reader

pytestmark = pytest.mark.system("S16.3")
TEXTS = ["a photo of a red ring on sand"]


@pytest.fixture(scope="module")
def pipeline():
    return stable_diffusion(zoo.load("shapes_latent_diffusion"), reader().tokenizer)


def test_errors_fall_with_steps_and_the_scheduler_is_put_back(pipeline):
    found = pipeline_study.solver_errors(pipeline, TEXTS, (2, 20), many=50)
    assert list(found) == list(pipeline_study.SOLVERS)
    for few, more in found.values():
        assert 0 < more < 0.5 * few
    assert type(pipeline.scheduler).__name__ == "DDIMScheduler"


def test_eulers_steps_are_ddims(pipeline):
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    want = pipeline_study.from_noise(pipeline, TEXTS, noise, 10)
    pipeline_study.with_scheduler(pipeline, "EulerDiscreteScheduler")
    assert type(pipeline.scheduler).__name__ == "EulerDiscreteScheduler"
    sigma = float(pipeline.scheduler.init_noise_sigma)
    assert sigma > 1000  # the pipeline multiplies the noise by it, and the scheduler divides again
    got = pipeline_study.from_noise(pipeline, TEXTS, noise, 10)
    pipeline_study.with_scheduler(pipeline, "DDIMScheduler")
    torch.testing.assert_close(got, want, atol=1e-3, rtol=0)
