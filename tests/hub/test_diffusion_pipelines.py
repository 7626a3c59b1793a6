"""Our models as a checkpoint of diffusers: saved, read again offline, and the same pictures step by step."""

import json
import sys
from pathlib import Path

import diffusers
import pytest
import torch

from lecture_utils.generative.diffusion.kl_autoencoder import KLAutoEncoder
from lecture_utils.generative.diffusion.latent_diffusion import LatentDiffusion
from lecture_utils.generative.diffusion.layout import BoxTokens
from lecture_utils.generative.diffusion.prompt import Prompt
from lecture_utils.generative.diffusion.samplers import ddim_sample, spaced_steps
from lecture_utils.generative.diffusion.schedule import NoiseSchedule, cosine_betas, linear_betas
from lecture_utils.generative.diffusion.slim_unet import SlimUNet
from lecture_utils.generative.diffusion.unet import ConditionalUNet
from lecture_utils.generative.unclip.prior import DiffusionPrior
from lecture_utils.generative.unclip.prior_transformer import PriorTransformer
from lecture_utils.hub import diffusers_weights, diffusion_pipelines
from lecture_utils.multimodal.clip.text_encoder import TextEncoder
from lecture_utils.multimodal.tokenizer import Tokenizer
from tests.mutants import planted

pytestmark = pytest.mark.system("S16.3")
TEXTS = ["a red ball", "two blue rings, é"]
LENGTH, WIDTH = 24, 16


def lively(net: torch.nn.Module) -> torch.nn.Module:
    """Every layer says something: none is left at zero."""
    for value in net.parameters():
        if not value.any():
            torch.nn.init.normal_(value, std=0.2)
    return net.eval()


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(["a red ball", "a blue ring", "two red rings"], 12)


@pytest.fixture(scope="module")
def model(tokenizer: Tokenizer) -> LatentDiffusion:
    torch.manual_seed(0)
    text = TextEncoder(
        vocabulary=tokenizer.vocabulary, length=32, end=tokenizer.end, width=WIDTH, heads=2, layers=2, out=8
    )
    condition = Prompt(text, tokenizer.batch([""], LENGTH)[0], BoxTokens(3, WIDTH))
    autoencoder = KLAutoEncoder(3, (8, 16), latent=4)
    autoencoder.scale.fill_(0.7)
    net = SlimUNet(4, (16, 24), fold=1, context=WIDTH, attention=2, embedding=32)
    made = LatentDiffusion(autoencoder, condition, net, NoiseSchedule(cosine_betas()), (4, 8, 8), kind="v")
    lively(made)
    torch.nn.init.normal_(net.embed_context.weight)  # type: ignore[union-attr]
    torch.nn.init.normal_(made.condition.text.position)  # type: ignore[union-attr, arg-type]
    return made


@pytest.fixture(scope="module")
def pipeline(model: LatentDiffusion, tokenizer: Tokenizer) -> diffusers.StableDiffusionPipeline:
    return diffusion_pipelines.stable_diffusion(model, tokenizer)


def noise() -> torch.Tensor:
    return torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))


def pictures(pipeline, texts=TEXTS, scale=4.0, steps=10):
    return pipeline(
        list(texts), latents=noise(), num_inference_steps=steps, guidance_scale=scale, output_type="pt"
    ).images


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_the_librarys_pipeline_makes_the_pictures_that_our_sampler_makes(model, tokenizer, pipeline, scale):
    got = pictures(pipeline, scale=scale)
    want = model.sample(tokenizer.batch(TEXTS, LENGTH), noise=noise(), steps=10, scale=scale)
    assert got.shape == (2, 3, 32, 32)
    torch.testing.assert_close(got, want, atol=2e-4, rtol=0)
    assert (got - pictures(pipeline, TEXTS[::-1], scale)).abs().mean() > 2e-3, "the sentence counts"
    assert ((got > 0) & (got < 1)).float().mean() > 0.02, "not all of it is cut off"


def test_the_codes_agree_after_every_step(model, tokenizer, pipeline):
    ours: list[torch.Tensor] = []
    model.sample(tokenizer.batch(TEXTS, LENGTH), noise=noise(), steps=5, scale=3.0, keep=ours)
    theirs: list[torch.Tensor] = []

    def keep(_, step, time, told):
        theirs.append(told["latents"].clone())
        return told

    pipeline(
        TEXTS, latents=noise(), num_inference_steps=5, guidance_scale=3.0, output_type="latent",
        callback_on_step_end=keep,
    )  # fmt: skip
    assert len(ours) == len(theirs) == 5
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(other, mine, atol=1e-3, rtol=1e-3)
    assert (ours[0] - ours[1]).abs().mean() > 0.05


def test_a_saved_folder_has_five_parts_and_is_read_again_offline(pipeline, tmp_path: Path):
    with diffusion_pipelines.quiet():
        pipeline.save_pretrained(tmp_path)
        again = diffusers.StableDiffusionPipeline.from_pretrained(tmp_path, local_files_only=True)
    again.set_progress_bar_config(disable=True)
    folders = {path.name for path in tmp_path.iterdir() if path.is_dir()}
    assert folders == {"scheduler", "text_encoder", "tokenizer", "unet", "vae"}
    torch.testing.assert_close(pictures(again), pictures(pipeline), atol=1e-6, rtol=0)
    told = json.loads((tmp_path / "scheduler" / "scheduler_config.json").read_text())
    assert told["beta_schedule"] == "squaredcos_cap_v2" and told["prediction_type"] == "v_prediction"


@pytest.mark.parametrize(
    ("module", "fault"),
    [
        ("diffusion_pipelines", ('KINDS[kind], timestep_spacing="trailing"', 'KINDS[kind]')),
        ("diffusion_pipelines", ('"v": "v_prediction"', '"v": "epsilon"')),
        ("diffusion_pipelines", ('"<start> $A <end>"', '"$A <end>"')),
        ("diffusion_pipelines", ("model.condition.null()[length:]", "0 * model.condition.null()[length:]")),
        ("diffusers_parts", ("expand(len(sample)) + 1", "expand(len(sample)) + 100")),
        ("diffusers_parts", ("2 * self.autoencoder.decode(z) - 1", "self.autoencoder.decode(z)")),
        ("diffusers_parts", ("float(autoencoder.scale)", "1.0")),
    ],
)  # fmt: skip
def test_a_planted_fault_is_seen(model, tokenizer, monkeypatch, module, fault):
    changed = planted(f"lecture_utils.hub.{module}", fault)
    if module == "diffusers_parts":
        monkeypatch.setitem(sys.modules, f"lecture_utils.hub.{module}", changed)
        changed = diffusion_pipelines
    got = pictures(changed.stable_diffusion(model, tokenizer))
    want = model.sample(tokenizer.batch(TEXTS, LENGTH), noise=noise(), steps=10, scale=4.0)
    assert (got - want).abs().max() > 2e-3


def test_ids_and_tokens_are_ours(model, tokenizer, pipeline):
    texts = [*TEXTS, "", "a  ball", " unknown \n words"]
    ids = pipeline.tokenizer(
        texts, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt"
    ).input_ids
    assert torch.equal(ids, tokenizer.batch(texts, LENGTH))
    with torch.no_grad():
        got = pipeline.text_encoder(ids).last_hidden_state
    torch.testing.assert_close(got, model.condition.sentence(ids), atol=1e-5, rtol=1e-4)


def test_a_schedule_without_a_name_is_handed_over_in_numbers():
    schedule = NoiseSchedule(linear_betas(50, start=1e-3, end=0.05))
    theirs = diffusion_pipelines.to_scheduler(schedule, "epsilon")
    torch.testing.assert_close(theirs.alphas_cumprod, schedule.alpha_bar[1:].float(), rtol=1e-4, atol=1e-6)
    named = diffusion_pipelines.to_scheduler(NoiseSchedule(linear_betas()), "sample", "DDPMScheduler")
    assert named.config.beta_schedule == "linear" and named.config.prediction_type == "sample"
    with pytest.raises(ValueError, match="kind: got 'x'"):
        diffusion_pipelines.to_scheduler(schedule, "x")


@pytest.mark.system("S16.2")
@pytest.mark.parametrize("scale_shift", [True, False])
@torch.no_grad()
def test_the_whole_u_net_samples_alike_in_their_class(tmp_path: Path, scale_shift):
    torch.manual_seed(0)
    ours = lively(
        ConditionalUNet(
            4, (16, 24, 32), attention=(False, True, True), context=12, blocks=2, heads=2,
            scale_shift=scale_shift,
        )
    )  # fmt: skip
    assert isinstance(ours, ConditionalUNet)
    diffusers_weights.to_unet(ours).save_pretrained(tmp_path)
    with diffusion_pipelines.quiet():
        theirs = diffusers.UNet2DConditionModel.from_pretrained(tmp_path, local_files_only=True).eval()
    schedule, context = NoiseSchedule(linear_betas()), torch.randn(2, 5, 12)
    scheduler = diffusion_pipelines.to_scheduler(schedule, "v")
    scheduler.set_timesteps(10)
    x = noise()
    for t in scheduler.timesteps:
        x = scheduler.step(theirs(x, t, context).sample, t, x).prev_sample
    want = ddim_sample(
        lambda x, t: ours(x, t - 1, context), schedule, noise(), spaced_steps(1000, 10, "trailing"), kind="v"
    )
    torch.testing.assert_close(x, want, atol=1e-3, rtol=1e-3)
    with pytest.raises(ValueError, match="want one: the library's class looks at tokens"):
        diffusers_weights.to_unet(ConditionalUNet(1, (8, 16), heads=2))


@pytest.mark.system("S16.2")
@torch.no_grad()
def test_their_weights_run_in_our_code_and_other_parts_are_refused():
    torch.manual_seed(0)
    sizes = {"block_out_channels": (16, 32), "norm_num_groups": 8, "attention_head_dim": 2}
    sizes |= {"cross_attention_dim": 12, "layers_per_block": 1}
    kinds = {"down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D")}
    kinds |= {"up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D")}
    theirs = diffusers.UNet2DConditionModel(**sizes, **kinds).eval()
    x, t, words = noise(), torch.tensor([3, 700]), torch.randn(2, 5, 12)
    ours = diffusers_weights.from_unet(theirs)
    torch.testing.assert_close(ours(x, t, words), theirs(x, t, words).sample, atol=1e-5, rtol=1e-4)
    deeper = diffusers.UNet2DConditionModel(**sizes, **kinds, transformer_layers_per_block=2)
    with pytest.raises(ValueError, match="got parts that ours has not"):
        diffusers_weights.from_unet(deeper)


@pytest.mark.system("S16.2")
def test_at_its_sizes_our_network_has_all_tensors_of_stable_diffusion():
    """860 million, as its authors' page says: made without numbers, since only names and shapes count."""
    with torch.device("meta"):
        theirs = diffusers.UNet2DConditionModel(**diffusers_weights.STABLE_DIFFUSION)
        ours = diffusers_weights.from_unet(theirs)
    assert sum(value.numel() for value in ours.parameters()) == 859_520_964
    assert len(ours.state_dict()) == len(theirs.state_dict())


@pytest.mark.system("S16.4")
@torch.no_grad()
def test_the_prior_answers_alike_in_their_class(tmp_path: Path):
    torch.manual_seed(0)
    net = PriorTransformer(8, words=8, length=5, width=16, heads=2)
    prior = DiffusionPrior(net, NoiseSchedule(cosine_betas()), dim=8, words=8, length=5)
    lively(prior)
    prior.measure(0.1 * torch.randn(9, 8) + 0.3)
    diffusers_weights.to_prior(prior).save_pretrained(tmp_path)
    with diffusion_pipelines.quiet():
        theirs = diffusers.PriorTransformer.from_pretrained(tmp_path, local_files_only=True).eval()
    x, t, words, text = torch.randn(3, 8), torch.tensor([1, 40, 900]), torch.randn(3, 5, 8), torch.randn(3, 8)
    got = theirs(x, t, text, words, torch.ones(3, 5)).predicted_image_embedding
    torch.testing.assert_close(got, prior(x, t, words, text), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(theirs.post_process_latents(got), got * prior.std + prior.mean)


def test_another_model_is_refused(model, tokenizer):
    class Other(torch.nn.Module):
        pass

    other = LatentDiffusion(model.autoencoder, Other(), model.net, model.schedule, model.shape)
    with pytest.raises(ValueError, match="model: got Other and SlimUNet"):
        diffusion_pipelines.stable_diffusion(other, tokenizer)


def test_without_the_library_one_line_says_so(model, tokenizer, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert diffusion_pipelines.stable_diffusion(model, tokenizer) is None
    assert "pip install diffusers" in capsys.readouterr().out


def test_the_library_is_not_imported_before_it_is_needed():
    for module in (diffusion_pipelines, diffusers_weights):
        for value in vars(module).values():
            owner = getattr(value, "__module__", None) or getattr(value, "__name__", "")
            assert not str(owner).startswith(("diffusers", "lecture_utils.hub.diffusers_parts"))
