"""What is said of bad calls: `WITHOUT` why something has no good call, `RIGHT` which may be answered, and why.

The keys of `RIGHT` are "what | argument | kind", with wildcards in both tables.
"""

OTHER_DOOR = "only hands its arguments on, to what is called here"
MODULE = "takes a module or an object that was checked when it was made"
INSIDE = "a step inside what is called here, which checks what comes in"
SHOWN = "what a chapter shows, without guards; its twin of the same name is what runs, and is called here"
ANY = "takes any value or tensor"

WITHOUT: dict[str, str] = {
    "nn.attention.broadcast": ANY,
    "nn.vit_start.mimetic_": MODULE,
    "ops.convolution_plain.*": SHOWN,
    "ops.precision.*": ANY,
    "ops.receptive_field.layers_of": MODULE,
    "ops.receptive_field.positive_twin": MODULE,
    "backbones.alexnet.alexnet": OTHER_DOOR,
    "backbones.alexnet.alexnet_2012": OTHER_DOOR,
    "backbones.resnet.resnet18": OTHER_DOOR,
    "backbones.resnet.resnet50": OTHER_DOOR,
    "backbones.swin.swin_t": OTHER_DOOR,
    "backbones.vgg.vgg16": OTHER_DOOR,
    "backbones.vit.vit_b16": OTHER_DOOR,
    "selfsup.dino.DINO.train": "as torch has it",
    "selfsup.ema.EMA.pairs": MODULE,
    "selfsup.mae.*.mean_and_spread": INSIDE,
    "explain.class_visualisation.uphill": INSIDE,
    "explain.hooks.without_inference": ANY,
    "explain.hooks.layer_names": MODULE,
    "explain.sanity.redraw_": INSIDE,
    "explain.target.class_numbers": ANY,
    "explain.target.shape_of": ANY,
    "explain.tsne.start": INSIDE,
    "explain.tsne_plain.*": SHOWN,
    "augment.warp.take_pixels": INSIDE,
    "generative.dcgan.init_": MODULE,
    "generative.gan_loss.r1_penalty": "its arguments belong to one graph; `play_round` is called here",
    "metrics.probes.count_classes": INSIDE,
    "training.jobs.alone": INSIDE,
    "training.loop.prepare": INSIDE,
    "training.loop.to_device": ANY,
    "training.loop.in_evaluation": MODULE,
    "training.muon.MuonAndAdamW.step": "as torch has it",
    "data.toyworld.annotate.*": INSIDE,
    "data.toyworld.checks.*": INSIDE,
    "data.toyworld.hashing.*": INSIDE,
    "data.toyworld.language.*": INSIDE,
    "data.toyworld.render.Sample": INSIDE,
    "data.toyworld.sampling.*.draw_*": INSIDE,
    "data.toyworld.sampling.placement.place": INSIDE,
    "data.toyworld.scene.*": MODULE,
    "data.toyworld.shapes.*": INSIDE,
    "data.toyworld.surfaces.*": INSIDE,
}

RIGHT: dict[str, str] = {}
