"""What is said of calls: `WITHOUT` why something has no good one, `RIGHT` which bad ones may be answered.

The keys of `RIGHT` are "what | argument | kind", with wildcards in both tables.
"""

OTHER_DOOR = "only hands its arguments on, to what is called here"
MODULE = "takes a module or an object that was checked when it was made"
INSIDE = "a step inside what is called here, which checks what comes in"
SHOWN = "what a chapter shows, without guards; its twin of the same name is what runs, and is called here"
ANY = "takes any value or tensor"

WITHOUT: dict[str, str] = {
    "nn.attention.broadcast": ANY,
    "nn.attention.MultiHeadAttention.project": INSIDE,
    "nn.norm.BatchNorm2d.update": INSIDE,
    "nn.vit_start.mimetic_": MODULE,
    "ops.convolution_plain.*": SHOWN,
    "ops.precision.*": ANY,
    "ops.receptive_field.layers_of": MODULE,
    "ops.receptive_field.positive_twin": MODULE,
    "ops.receptive_field.as_one": INSIDE,
    "backbones.alexnet.alexnet": OTHER_DOOR,
    "backbones.alexnet.alexnet_2012": OTHER_DOOR,
    "backbones.resnet.resnet18": OTHER_DOOR,
    "backbones.resnet.resnet50": OTHER_DOOR,
    "backbones.swin.swin_t": OTHER_DOOR,
    "backbones.vgg.vgg16": OTHER_DOOR,
    "backbones.vit.vit_b16": OTHER_DOOR,
    "backbones.swin.WindowAttention.bias": INSIDE,
    "selfsup.dino.DINO.train": "as torch has it",
    "selfsup.ema.EMA.pairs": MODULE,
    "selfsup.mae.*.mean_and_spread": INSIDE,
    "explain.class_visualisation.uphill": INSIDE,
    "explain.gan_dissection.unit_numbers": INSIDE,
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
    "metrics.localisation.spread_zeros": INSIDE,
    "metrics.probes.count_classes": INSIDE,
    "training.jobs.alone": INSIDE,
    "training.loop.prepare": INSIDE,
    "training.loop.to_device": ANY,
    "training.loop.in_evaluation": MODULE,
    "training.muon.MuonAndAdamW.step": "as torch has it",
    "data.external.load": "reads files that do not come along; tests/data/test_external.py has them",
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

LEADING = "“…” is documented: any number of axes in front"
SHAPE = "only the shape counts"
ALONE = "there is nothing else that it should be as long as"
MOVES = "values of any type are moved, none is computed"
NUMBER = "a number, one for each picture, or whole numbers will do"
NONE = "an empty list of objects or pictures has an empty answer"
AS_IS = "samples and targets of any kind are handed on as they are"

RIGHT: dict[str, str] = {
    **dict.fromkeys(
        [
            f"{name} | {argument} | axis {change}"
            for name, argument in (
                ("nn.attention.attention", "*"),
                ("nn.transformer.MLP.forward", "x"),
                ("imaging.colour.*", "image"),
                ("imaging.formation.project_pinhole", "points"),
                ("imaging.formation.gaussian_blur", "image"),
                ("imaging.formation.downsample", "image"),
                ("imaging.formation.quantise", "x"),
                ("imaging.formation.bayer_mosaic", "image"),
                ("imaging.formation.demosaic_bilinear", "raw"),
                ("selfsup.mae.normalise_patches", "rows"),
                ("augment.annotations.boxes_from_masks", "masks"),
                ("metrics.attention_iou.top_mass", "attention"),
            )
            for change in ("added", "dropped")
        ],
        LEADING,
    ),
    "nn.attention.attention | key | nan": "the mask hides that key",
    "nn.attention.MultiHeadAttention.weights | context | nan": "the mask hides that key",
    "nn.transformer.Transformer.* | * | another batch": ALONE,
    "nn.vit_start.start_ | position | nan": "written over: " + SHAPE,
    "ops.convolution.conv_output_shape | * | nan": SHAPE,
    "ops.upsampling.conv_transpose_shape | * | nan": SHAPE,
    "segmentation.unet.centre_crop | x | nan": "it is cut off",
    "ops.convolution.im2col | x | channels last": "maps of any number of channels will do",
    "ops.convolution.col2im | columns | nan": "it lies in the padding, which is cut off",
    "ops.neighbours.vote | weights | uint8": "weights of any type, as documented",
    "backbones.swin.window_* | * | uint8": MOVES,
    "backbones.vit.ViT.grid | x | *": SHAPE,
    "imaging.formation.project_pinhole | points | empty": NONE,
    "imaging.formation.quantise | x | empty": "any shape, as documented",
    "imaging.formation.quantise | x | channels last": "any shape, as documented",
    "selfsup.dino.* | * | one too few": "as many views as one likes",
    "selfsup.mae.*patchify | * | uint8": MOVES,
    "selfsup.mae.random_masking | tokens | uint8": MOVES,
    "selfsup.mae.random_masking | tokens | nan": "that token is hidden",
    "selfsup.mae.MAE.encode | x | nan": "that patch is hidden",
    "selfsup.small_vit.pooled | tokens | nan": "the class token is not in the mean of the patches",
    "backbones.vgg.vgg_stage | kernels | one too few": "as many layers as one likes",
    "generative.dcgan.Discriminator | widths | one too few": "as many layers as one likes",
    "explain.attention_maps.cls_attention | layer | label -1": "counted from the end, as documented",
    "explain.baselines.centre_map | images | nan": SHAPE,
    "explain.gan_dissection.edited | region | empty": "refused when the network runs, with its maps' size",
    "explain.gan_dissection.* | region | axis added": "one region for all pictures, or one for each",
    "explain.maps.tokens_to_maps | tokens | nan": "the class token is not in the maps",
    "explain.* | seed | -1": "any whole number",
    "explain.target.* | target | axis dropped": "one class for all pictures",
    "augment.annotations.boxes_from_masks | masks | empty": NONE,
    "augment.copy_paste.Instances | labels | label -1": "an empty place, as documented",
    "augment.copy_paste.Instances.semantic | background | label -1": "any whole number",
    "augment.*box* | boxes | empty": NONE,
    "augment.cutmix.kept_share | boxes | empty": NONE,
    "augment.mixup.one_hot | labels | empty": NONE,
    "augment.mixup.one_hot | labels | another batch": ALONE,
    "augment.mixup.mixup | lam | axis dropped": NUMBER,
    "augment.photometric.saturation | factor | axis dropped": NUMBER,
    "augment.photometric.saturation | factor | uint8": NUMBER,
    **dict.fromkeys(
        [
            f"augment.warp.* | {argument} | {kind}"
            for argument in ("ty", "degrees", "x_degrees", "sx")
            for kind in ("axis dropped", "empty", "uint8")
        ],
        NUMBER,
    ),
    "augment.warp.about | matrix | empty": NONE,
    "augment.warp.sample_nearest | image | uint8": MOVES,
    "augment.warp.sample_nearest | image | channels last": "layers of any number: masks and class maps too",
    "training.kit.mirrored | images | uint8": "bytes become floats in [0, 1], as documented",
    "training.loop.minibatches | x | *": AS_IS,
    "training.loop.minibatches | y | *": AS_IS,
    "training.loop.minibatches | seed | -1": "any whole number",
}
