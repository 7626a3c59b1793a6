# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["slide"]
# # 13b · Crossing senses
#
# **What can be found, said, heard and drawn once all senses share one space?**
#
# Part a put pictures and words into one space. Now further senses move in: sound, depth, motion, voices. Once they are there, one can go in by one door and out by another. A sound finds a picture. A picture is told by a network that was never shown one. A sentence becomes a moving figure. Each of these works, up to a point, and this notebook is about both: that it works, and where the point is.

# %% [markdown] tags=["skip"]
# ## What you will do
#
# 1. **Bind** sounds to pictures, and see words find them unasked: ImageBind.
# 2. **Catch** a model that leans on one of its senses, and balance it.
# 3. **Steer** a language model by a picture, without training: ZeroCap.
# 4. **Cross** from sound to picture, from picture to speech, from voice to face.
# 5. **Restyle** pictures by a sentence, and find out who should judge the result.
# 6. **Move** a figure by a sentence: MotionCLIP.
#
# **You need** part a: tokens, spectrograms, CLIP and its loss, zero-shot, recall. From chapter 01: training a network.
#
# | Part | Minutes | Part | Minutes |
# |---|---:|---|---:|
# | 1 · ImageBind | 40 | 5 · Stylisation | 25 |
# | 2 · Leaning on one sense | 25 | 6 · Sentences that move | 25 |
# | 3 · ZeroCap | 35 | 7–9 · Put together, claims, paper and toy | 20 |
# | 4 · From one sense to another | 40 | 10–12 · Break it, real, summary | 20 |
#
# **A GPU** is not needed: everything here runs on two processor cores.

# %% tags=["skip"]
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_utils import plotting, zoo
from lecture_utils.chapters.ch13 import crossing_figures as figures
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.data.toyworld.names import CLASSES, COLOURS
from lecture_utils.exercises import check, predict, progress
from lecture_utils.kernel.start import start
from lecture_utils.kernel.tables import show_table
from lecture_utils.plotting.sounds import hear

start("13")

# %% [markdown] tags=["slide"]
# ## Result first
#
# Three objects of the toy world are struck, out of sight. Listen to them. Each sound then looks for pictures, in a gallery of 300 that it has never seen.

# %%
from lecture_utils.data.toyworld.senses import sensed
from lecture_utils.data.toyworld.sound import impact

clip, bound = zoo.load("shapes_clip").eval(), zoo.load("shapes_imagebind").eval()
gallery, others = captioned(300, seed=1, split="test"), captioned(60, seed=2, split="test")
heard = [int((others.class_id == CLASSES.index(name)).nonzero()[0, 0]) for name in ("ball", "star", "ring")]
hear(dict(zip(("a ball", "a star", "a ring"), impact(others.scenes[heard], 0.5), strict=True)))

# %%
sounds = sensed(others).audio[heard]  # (3, 1, 64, 32): mel bands by time
with torch.no_grad():
    pictures = bound.encode("image", gallery.image)  # (300, 64)
    order = (bound.encode("audio", sounds) @ pictures.T).topk(5).indices  # (3, 5)
right = gallery.class_id[order] == others.class_id[heard][:, None]
figure = figures.heard_and_found(sounds[:, 0], ("a ball, struck", "a star, struck", "a ring, struck"),
                                 gallery.image, order, right, "A sound finds its pictures")
plotting.show(figure, "Three spectrograms, and beside each the five pictures that it finds, framed if right.")

# %% [markdown]
# **How to read it.** A green frame means that the picture shows what was struck. Colours are another matter: no sound tells one, and which comes first is an accident. The network that read these sounds was trained with pictures, and never with a word. Yet a *word* finds the right sounds, too. That is the first section.

# %% [markdown] tags=["slide"]
# ## 1 · ImageBind
#
# For each pair of senses, one could collect pairs and train a CLIP. Five senses make ten pairs, and who has recorded depth together with sounds? But nearly everything has been *seen* together with something else. Videos have pictures and sound, a depth camera takes pictures too, a camera on a walker's head comes with a motion sensor. **ImageBind** (Girdhar et al. 2023) therefore trains four of them, each against pictures alone.
#
# Here is what the toy world offers, three scenes with what four senses have of them:

# %%
from lecture_utils.chapters.ch13 import imagebind_figures

three = captioned(3, seed=1, split="test")
figure = imagebind_figures.sense_rows(sensed(three), three.text)
plotting.show(figure, "Three scenes as picture, spectrogram, nearness and readings of a motion sensor.")

# %% [markdown]
# **How to read it.** Depth enters as one over depth, so that what is near has large values. Motion is what an **IMU** (inertial measurement unit) on the walker's head reads: acceleration and rates of turning. No sense knows everything. Sound tells the shape, and no colour. Motion tells the ground, and nothing about the object.
#
# The picture's place in the space comes from a CLIP that is frozen. A new encoder for sound learns to put each sound where its picture is. With unit vectors $q_i$ of pictures and $k_i$ of sounds, and a temperature τ that is not learned:
#
# $$L_{I,M} = -\frac{1}{B}\sum_i \log \frac{\exp(q_i^\top k_i/\tau)}{\sum_j \exp(q_i^\top k_j/\tau)}$$
#
# This is **InfoNCE**, one half of CLIP's loss. The other half looks back from sounds to pictures.

# %% tags=["show"]
# show: lecture_utils.multimodal.imagebind.imagebind.info_nce

# show: lecture_utils.multimodal.imagebind.imagebind.binding_loss

# %% [markdown]
# All encoders are transformers. A spectrogram is cut into patches that overlap, nearness into patches as in chapter 03, the sensor's readings into windows of eight. A class token goes through the layers with them, and a linear map brings it into CLIP's space.

# %% tags=["show"]
# show: lecture_utils.multimodal.imagebind.audio_encoder.AudioEncoder.forward

# %% [markdown]
# ### How good is a search?
#
# Part a asked for *the* caption of a picture. A sound fits many pictures: all stars are right for the sound of a star. And some queries have no answer at all: the caption "something red" names no shape. Write the measure for that. Be strict where two items are equally near: a broken encoder that puts everything in one place would otherwise look perfect.

# %% tags=["exercise:13.6"]
def recall_at(similarity: Tensor, relevant: Tensor, k: int) -> float:
    """Share of the queries that have something relevant among their k nearest items.

    `similarity` (N, M) and `relevant` (N, M), bool: several items may be relevant to a query, and one of
    them found is enough. A query to which nothing is relevant does not count. Ties count against you: what
    is relevant comes after all else that is as similar.
    """
    ...


recall_at = check("13.6", recall_at)

# %% [markdown]
# # solution: lecture_utils.chapters.ch13.crossing_solutions.recall_at

# %% [markdown]
# ### Train an encoder of sounds
#
# Now bind sound to pictures, in the open: 1,500 scenes, 60 steps.

# %% tags=["system:S13.6", "nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.multimodal.imagebind.audio_encoder import AudioEncoder
from lecture_utils.recipes._imagebind import perceived
from lecture_utils.training.loop import minibatches
from lecture_utils.training.muon import MuonAndAdamW

scenes, test = perceived(clip, 1500, 0), perceived(clip, 300, 0, "test")  # four senses, CLIP's embeddings
torch.manual_seed(0)
ears = AudioEncoder(64, 32, clip.dim)  # 64 mel bands, 32 frames
optimizer, losses = MuonAndAdamW(ears, ears.trunk.layers, 5e-3), []
batches = minibatches(scenes.senses.audio, scenes.image, batch_size=128, seed=0)
for _, (sound, picture) in zip(range(60), batches, strict=False):
    loss = binding_loss(picture, ears(sound), temperature=0.05)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"loss {losses[0]:.2f} → {losses[-1]:.2f}; knowing nothing gives {2 * torch.tensor(128.).log():.2f}")

# %%
predict("13.10")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
@torch.no_grad()
def crossing(query: Tensor, item: Tensor, told: Tensor | None = None) -> tuple[str, str]:
    """Recall@1 of the class by your function, and by chance; captions without a class are out."""
    same = test.some.class_id[:, None] == test.some.class_id  # (N, N)
    if told is not None:
        same = same & told[:, None]
    asked = same.any(1)
    return f"{recall_at(query @ item.T, same, 1):.2f}", f"{same[asked].float().mean():.2f}"


captions = zip(test.some.class_id, test.some.text, strict=True)
told = torch.tensor([CLASSES[k] in text.split() for k, text in captions])
with torch.no_grad():
    yours, depth = ears.eval()(test.senses.audio), bound.encode("depth", test.senses.depth)
rows = [("picture → sound", "trained", *crossing(test.image, yours)),
        ("words → sound", "never met", *crossing(test.text, yours, told)),
        ("sound → depth", "never met", *crossing(yours, depth))]
show_table(rows, ["from → to", "these two", "recall@1", "chance"], caption="Your encoder of sounds")

# %% [markdown]
# **How to read it.** After 60 steps all three find each other nearly without fault. Words and sounds were never in one loss. Both lie near the pictures, so they lie near each other. The paper calls this an **emergent alignment**. The same holds for sound and depth, which both came to pictures from different sides. (Depth is the package's encoder.)
#
# Look at it class by class. Each cell compares the mean of a class in one sense with the mean of a class in another; what all classes have in common is taken away first.

# %%
figure = imagebind_figures.meetings(imagebind_figures.class_means(bound, test))
plotting.show(figure, "Similarities of eight classes: pictures and sound, words and sound, sound and depth.")

# %% [markdown]
# **How to read it.** Dark red diagonals: each class is nearest to itself, also where the senses never met. And the three pictures are nearly the same. What pictures think of shapes, such as that a heart has little of a cross, has passed on to words and sounds.
#
# ### Adding senses up
#
# In one space, one can add. Take a picture, add the sound of something else, and look for the nearest picture.

# %%
predict("13.11")

# %%
from lecture_utils.chapters.ch13 import imagebind_study

added = imagebind_study.sums(bound, 60, 400)
plotting.show(imagebind_figures.sums_figure(added),
              "Three pictures, a sound added to each, and what the sum and the swap find.")
rows = [(name, *(f"{v:.2f}" for v in share.values())) for name, share in added.shares().items()]
show_table(rows, ["query", "colour of the picture", "class seen", "class heard", "colour and class heard"])

# %% [markdown]
# **How to read it.** Of 60 sums, 60 % have the picture's colour and the sound's shape; in a quarter the picture's own shape wins. *Swapped* also takes away the sound of what is in the picture: then the heard shape comes in 95 %, and the colour is kept in 78 %.
#
# And one more use. Three boxes are given, and one object is struck. Which one? Ask each box how near it is to the sound.

# %%
struck = imagebind_study.struck(bound, 40)
plotting.show(imagebind_figures.struck_figure(struck),
              "Four scenes with three objects each; a thick box marks the one that fits the sound best.")
for name, share in struck.accuracy().items():
    print(f"asked by {name}: {share:.0%} right; chance 33%")

# %% [markdown]
# **How to read it.** A sound of the same kind, struck nearby, does as well as the name. The object's *own* sound does hardly better than chance. These objects are smaller and farther away than any in training, so they ring at a higher pitch. What was never heard is not bound.
# %% [markdown] tags=["slide"]
# ## 2 · A model that leans on one sense
#
# Two senses should be better than one. So take a network with two encoders, put their features side by side, and let one linear layer decide: **late fusion**. It sees a picture and reads its caption, and is to name the shape. The caption says the name in nine of ten cases. The picture shows it always, but in four materials that are hard to tell.

# %% tags=["show"]
from lecture_utils.chapters.ch13.fusion import LateFusion, Senses

# show: lecture_utils.chapters.ch13.fusion.LateFusion.features

# show: lecture_utils.chapters.ch13.fusion.LateFusion.fused

# %%
predict("13.12")

# %% [markdown]
# To find out who does the work, withhold a sense: put the mean of its features in its place, so that it says the same of every picture. Compare with a network that has pictures only.

# %%
from lecture_utils.chapters.ch13 import fusion, fusion_claims
from lecture_utils.data.toyworld.names import MATERIALS

drawn = captioned(1600, seed=0, materials=MATERIALS)
words = fusion.Words(drawn.text)
lessons = fusion_claims.Told.of(drawn, words)
exam = fusion_claims.Told.of(captioned(800, seed=0, split="test", materials=MATERIALS), words)

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
names = {"both": "both senses", "without text": "caption withheld", "without picture": "picture withheld"}


def shares(loss) -> dict[str, float]:
    """Train 300 steps under a loss; the accuracy with both senses, and without each."""
    model = fusion_claims.fitted(lessons, len(words), 0, 300, loss)
    found = fusion_claims.with_and_without(model, lessons, exam)
    return {text: found[key] for key, text in names.items()}


table = {"one loss for both": shares(fusion.joint_loss)}
alone = fusion_claims.fitted(lessons, len(words), 0, 300, fusion.picture_loss)
with torch.no_grad():
    seen = alone.heads[0](alone.features((exam.images, exam.words))[0]).argmax(1)
print(f"a network of pictures alone: {(seen == exam.class_id).float().mean():.2f}")

# %%
show_table([(k, f"{v:.2f}") for k, v in table["one loss for both"].items()], ["", "right class"])

# %% [markdown]
# **How to read it.** Both senses together look good. Withhold the caption, and 59 % are right, where a network that never had captions gets 72 %. The caption was learned within a few steps. From then on the loss was small, its gradient too, and the picture's encoder was left half-taught.
#
# What helps is that neither encoder may rest: give each sense a head of its own, and a loss of its own (Wang et al. 2020; others weaken the gradients of the sense that is ahead: Peng et al. 2022).

# %% tags=["exercise:13.7"]
def balanced_loss(model: LateFusion, senses: Senses, label: Tensor) -> Tensor:
    """The loss of a net of two senses in which neither may rest, a scalar.

    `model.features(senses)` gives what the picture's and the text's encoder make of them, (B, D) each.
    `model.fused(seen, read)` gives the logits (B, K) of both together, and `model.heads` are two layers, the
    picture's and the text's, that give logits of one sense alone. The loss is the cross-entropy of both
    together, plus that of each sense alone. `label` is (B,).
    """
    ...


balanced_loss = check("13.7", balanced_loss)

# %% [markdown]
# # solution: lecture_utils.chapters.ch13.crossing_solutions.balanced_loss

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
table["a loss for each sense"] = shares(balanced_loss)  # yours
figure = figures.share_bars(table, "Neither may rest", chance=1 / 8)
plotting.show(figure, "Accuracy with both senses and with each withheld, under one loss and under three.")

# %% [markdown]
# **How to read it.** The orange bars are yours. The caption withheld, 59 % become 68 %: most of the way to 72 %. C13.4 measures it over five seeds and longer trainings, in section 8.

# %% [markdown] tags=["slide"]
# ## 3 · ZeroCap
#
# A language model writes fluent captions, and has never seen a picture. CLIP can judge whether a caption fits a picture, and cannot write. **ZeroCap** (Tewel et al. 2022) lets them work together, with no training at all.
#
# The language model is a transformer that predicts the next token (chapter 14 builds it). For each token so far and each layer it keeps the keys and values of attention, so that they need not be computed again: the **KV cache**. All it knows about the sentence is in there. So whoever moves the cache, moves what it says next.

# %%
from collections.abc import Sequence

from lecture_utils.chapters.ch13 import zerocap_study
from lecture_utils.multimodal.language_model import KVCache, LanguageModel
from lecture_utils.multimodal.zerocap import Guidance, clip_says, moved, unit

lm = zoo.load("shapes_lm").eval()  # trained on captions, without a picture
for caption in zerocap_study.alone(lm, 4):
    print(caption)

# %% [markdown]
# Fluent, and about nothing. Now one step of ZeroCap:
#
# 1. the language model gives its probabilities of the next token;
# 2. the likeliest are tried behind the sentence so far, and CLIP says how near each is to the picture: a softmax of cosines over a small temperature is what CLIP *would* say;
# 3. a few steps of gradient descent move the cache towards that.
#
# The loss has two parts, of which the second keeps the sentence fluent:
#
# $$L = L_{CLIP} + \lambda\, L_{fluency}$$
#
# $L_{CLIP}$ is the cross-entropy of the moved model under what CLIP would say. $L_{fluency}$ keeps the moved model near the unmoved one. (The paper calls it a cross-entropy; the authors' code has a **Kullback–Leibler divergence**, $\sum p\,\log(p/q)$, which is 0 where both agree. We follow the code.)

# %% tags=["exercise:13.8"]
def zerocap_loss(logits: Tensor, plain: Tensor, target: Tensor, guidance: Guidance) -> Tensor:
    """ZeroCap's loss of each sentence, (B,): agree with CLIP, and stay with the language model.

    `logits` (B, V) are the model's after its context was moved, `plain` (B, V) those before. `target` (B, V)
    is what CLIP would say: probabilities of the candidates, and 0 for all other words.
    guidance.clip_weight times the cross-entropy of the moved model's words under `target`, plus
    guidance.fluency times the Kullback-Leibler divergence of the moved model from the plain one.
    """
    ...


zerocap_loss = check("13.8", zerocap_loss)

# %% [markdown]
# # solution: lecture_utils.chapters.ch13.crossing_solutions.zerocap_loss

# %% [markdown]
# The steps that move the cache. The loss in the middle is yours: this cell defines `shift_cache` here, so it calls what you wrote.

# %% tags=["show"]
# show: lecture_utils.multimodal.zerocap.shift_cache

# %% [markdown]
# Around it stands the loop over tokens. Here it takes the likeliest token each time.

# %% tags=["system:S13.5"]
guidance = zerocap_study.SETTINGS  # 20 steps a token, 8 candidates: by validation pictures


@torch.no_grad()
def describe(picture: Tensor, guidance: Guidance = guidance, most: int = 10) -> tuple[str, list]:
    """Write one caption of an embedded picture (1, D); also what was thought before each token."""
    tokens, thoughts = lm.tokenizer, []
    ids = torch.tensor([[tokens.start, *tokens.encode("a photo of")]])
    while len(thoughts) < most and ids[0, -1] != tokens.end:
        past = KVCache()
        lm(ids[:, :-1], past)
        plain = lm(ids[:, -1:], past.copy())[:, -1]  # (1, V): what the model says by itself
        target = clip_says(lm, clip, picture, ids, plain, guidance)  # (1, V)
        logits = lm(ids[:, -1:], shift_cache(lm, past, ids[:, -1:], plain, target, guidance))[:, -1]
        thoughts.append((ids, plain.softmax(-1), target, logits.softmax(-1)))
        ids = torch.cat([ids, logits.argmax(-1, keepdim=True)], dim=1)
    return tokens.decode(ids[0]), thoughts

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
seen = captioned(6, seed=4, split="test")
with torch.no_grad():
    places = clip.encode_image(seen.image)
caption, thoughts = describe(places[1:2])
print(caption)

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
ids, plain, target, after = thoughts[1]  # after "a photo of a"
top = (plain + target + after)[0].topk(8).indices
opinions = {"language model": plain[0, top], "CLIP would say": target[0, top]}
opinions["after the shift"] = after[0, top]
figure = figures.pulled_figure(seen.image[1], lm.tokenizer.decode(ids[0]),
                               [lm.tokenizer.decode([int(t)]) for t in top], opinions)
plotting.show(figure, "A picture, and the probabilities of the next word: alone, as CLIP would, and shifted.")

# %% [markdown]
# **How to read it.** By itself the model holds all colours for about equally likely, 0.11 each. CLIP has a clear opinion. After the shift *blue* has 0.14, and *yellow* hardly less: the whole context was moved, and what moved is small. It is enough, since the likeliest word is taken. But it is not much of a lead, and that will show.
#
# Six pictures, three ways. *CLIP chooses* draws 64 captions from the language model and takes the one that CLIP likes best. That too needs no training, and is what ZeroCap has to beat.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
ways = {"alone": zerocap_study.alone(lm, 6), "CLIP chooses of 64": zerocap_study.chosen(lm, clip, places, 64),
        "ZeroCap": [describe(place[None])[0] for place in places]}
plotting.show(plotting.image_grid(seen.image, [f"{i + 1}" for i in range(6)], columns=6, size=1.3),
              "Six test pictures, numbered.")
rows = [(i + 1, *(way[i].removeprefix("a photo of ") for way in ways.values())) for i in range(6)]
show_table(rows, ["picture", *ways], caption="a photo of …")

# %% [markdown]
# Now 24 pictures, by the package, which does many at once. A caption is judged by its words alone.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.multimodal.zerocap import zerocap

many = captioned(24, seed=4, split="test")
with torch.no_grad():
    there = clip.encode_image(many.image)
ways = {"language model alone": zerocap_study.alone(lm, 24),
        "CLIP chooses of 64": zerocap_study.chosen(lm, clip, there, 64),
        "CLIP chooses of 512": zerocap_study.chosen(lm, clip, there, 512),
        "ZeroCap": zerocap(lm, clip, there, most=10, guidance=guidance)}
rows = []
for name, captions in ways.items():
    said = zerocap_study.judged(captions, many, lm)
    shown = said.colour, said.class_name, said.wrong, said.grammatical
    rows.append((name, *(f"{value:.2f}" for value in shown)))
show_table(rows, ["way", "right colour", "right class", "something wrong", "grammatical"])

# %% [markdown]
# **How to read it.** Without any training ZeroCap names colour and shape in about nine of ten pictures. The price is grammar: only about half of its captions are ones that the captions' grammar could have made (*a red heart grass*, and picture 1 has lost its noun).
#
# CLIP choosing of 64 often finds no caption with the right colour in it. Of 512 it always does, and beats ZeroCap in all columns, for about seven times its computing here. Our language is so small that 512 draws hold nearly all there is to say of an object. In English they would not, and that is where ZeroCap has its place.
#
# ### Without fluency

# %%
predict("13.13")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from dataclasses import replace

for name, change in (("as before", {}), ("no fluency", {"fluency": 0.0}),
                     ("no fluency, all tokens", {"fluency": 0.0, "candidates": lm.vocabulary})):
    said = [describe(place[None], replace(guidance, **change))[0] for place in places[1:3]]
    print(f"{name:24}", " | ".join(said))

# %% [markdown]
# **How to read it.** Most of the right words are still there, and then more words that CLIP likes, until the space is used up. CLIP does not mind: part a showed that it reads sentences much like bags of words. Grammar was the language model's part.
#
# ### Calculating with pictures
#
# ZeroCap's second idea: since it captions *points of the space*, it can caption sums. Take a picture of one thing, subtract another, add a third.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
more = captioned(800, seed=5, split="test")


def one(colour: str, name: str) -> Tensor:
    """A test picture (3, 32, 32) of such a thing."""
    fits = (more.colour_id == COLOURS.index(colour)) & (more.class_id == CLASSES.index(name))
    return more.image[int(fits.nonzero()[0, 0])]


for sum_of in (("red star", "red ball", "cyan ball"), ("blue heart", "blue ring", "red ring")):
    images = torch.stack([one(*thing.split()) for thing in sum_of])
    print("{} - {} + {}:".format(*sum_of), zerocap_study.arithmetic(lm, clip, images))

# %% [markdown] tags=["slide"]
# ## 4 · From one sense to another
#
# Finding is choosing from what there is. Now something new is made: a picture of a sound, speech about a picture, a face for a voice.
#
# ### Sound to picture
#
# **Sound2Scene** (Sung-Bin et al. 2023) needs two things that exist already: a space of pictures, and a **decoder** that draws a picture from a point of that space. Neither has ever heard anything. Then a sound encoder learns where the picture of each sound lies, by InfoNCE as in section 1, and the decoder draws from there. (The paper has a GAN for a decoder, chapter 16. Ours is a small network, and is told where the object stands, since neither CLIP nor sound says that well.)

# %% tags=["show"]
# show: lecture_utils.multimodal.sound_to_image.ImageDecoder.forward

# %%
predict("13.14")

# %% tags=["system:S13.7"]
from lecture_utils.recipes import _struck

painter, judge = zoo.load("shapes_sound_image").eval(), zoo.load("shapes_resnet").eval()
loud = _struck.struck(200, 0, "test")
with torch.no_grad():
    by_sound = painter(loud.mel, loud.layout)
    by_picture = painter.decoder(_struck.places(clip, loud.seen.image), loud.layout)
some = [int((loud.seen.class_id == k).nonzero()[0, 0]) for k in range(8)]  # one of each class
rows = {"what was struck": loud.seen.image[some], "drawn from\nthe picture's point": by_picture[some],
        "drawn from\nthe sound": by_sound[some]}
plotting.show(figures.rows_figure(rows, "A sound is drawn: the shape is a guess, the colour made up"),
              "Eight objects, and what is drawn of them from the picture's point and from their sound.")

# %%
rows = []
for name, drawn in (("the real picture", loud.seen.image), ("from the picture's point", by_picture),
                    ("from the sound", by_sound)):
    shape = (_struck.classes_of(judge, drawn) == loud.seen.class_id).float().mean()
    colour = (_struck.colours_of(clip, drawn) == loud.seen.colour_id).float().mean()
    rows.append((name, f"{shape:.2f}", f"{colour:.2f}"))
show_table(rows, ["drawn", "shape, judged by a ResNet", "colour, judged by CLIP"], caption="Chance is 0.12")

# %% [markdown]
# **How to read it.** From the picture's point nearly everything comes back. From the sound the shape is right in 93 %, and the colour in 16 %, which is chance. All sounds get about the same brownish red: the decoder draws what lies between the colours. Where the object stands, and how large it is, was told to it.
#
# ### Picture to speech
#
# Captions could be written and then read aloud. But half of the world's languages have no settled script. Hsu et al. (2021) go from picture to speech **without text**. First, speech becomes units: cluster short frames of many sounds by k-means, and call each frame by its cluster's number, repeats dropped. Then a captioner, whose "words" are these units, learns which follow which for which picture.

# %% tags=["show"]
# show: lecture_utils.multimodal.image_to_speech.ImageToUnits.step

# %%
from lecture_utils.recipes import _told

speaker = zoo.load("shapes_image_speech").eval()
features = _told.features_of(judge, seen.image)  # (6, 80, 8, 8): what the ResNet sees at 64 places
units, looked = speaker.tell(features)
print(f"{len(units[0])} units for picture 1:", *units[0].tolist())
figure = figures.looking_figure(seen.image[0], looked[0, : len(units[0])], (0, 0.25, 0.5, 0.75, 1),
                                "Where it looks while it speaks")
plotting.show(figure, "A picture, and heat over it where the captioner looks before five of its units.")

# %% [markdown]
# From units back to sound: look up each unit's mean spectrum, and hold it for the unit's mean length. That gives a magnitude spectrogram. The phases are missing, and without them there is no wave.
#
# The **Griffin–Lim** algorithm (1984) finds some. Start with any sound. Transform it, keep its phases, put the wanted magnitudes in place of its own, and transform back. What comes out has not exactly these magnitudes, since the frames overlap and have to agree. So again.

# %% tags=["exercise:13.9"]
from lecture_utils.ops.stft import hann, istft, stft


def griffin_lim_step(magnitude: Tensor, signal: Tensor, window: Tensor, hop: int) -> Tensor:
    """A sound (L,) whose transform comes nearer to the wanted `magnitude` (F, T) than that of `signal` (L,).

    Transform the signal with `stft`, keep its phases, put the wanted magnitude in place of its own, and come
    back with `istft` to as many samples. Where the transform is 0, its phase is 0 too.
    """
    ...


griffin_lim_step = check("13.9", griffin_lim_step)

# %% [markdown]
# # solution: lecture_utils.chapters.ch13.crossing_solutions.griffin_lim_step

# %%
from lecture_utils.ops.mel import magnitude_of

window, hop = hann(_told.WINDOW), _told.HOP


def sounded(units: Tensor, rounds: int = 32) -> tuple[Tensor, list[float]]:
    """Make a wave of units, and tell how far its magnitudes are from the wanted ones after each round."""
    wanted = magnitude_of(speaker.units.decode(units), _told.filters())  # (F, T)
    random = torch.Generator().manual_seed(0)
    wave, off = torch.randn((wanted.shape[1] - 1) * hop, generator=random), []
    for _ in range(rounds):
        wave = griffin_lim_step(wanted, wave, window, hop)  # yours
        off.append(float((stft(wave, window, hop).abs() - wanted).norm() / wanted.norm()))
    return 0.5 * wave / wave.abs().max(), off

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
waves, offs = zip(*(sounded(each) for each in units), strict=True)
hear({"picture 2": waves[1], "picture 3": waves[2]})
figure = plotting.curves({f"picture {i + 1}": off for i, off in enumerate(offs[:3])}, "round",
                         "off, as a share", "Each round comes nearer, and it never arrives")
plotting.show(figure, "How far the magnitudes are from the wanted ones over 32 rounds, for three pictures.")

# %% [markdown]
# **How to read it.** It never arrives because no sound has exactly these magnitudes: they were put together from means. Listen, and look at the six pictures above. Who judges what was said? A network that has heard these words from other voices, and never a picture.

# %%
ear = zoo.load("spoken_words").eval()
for kind, held_out in (("pairs it has met", False), ("pairs held out", True)):
    many = captioned(40, seed=6, split="test", held_out=held_out)
    told_units, _ = speaker.tell(_told.features_of(judge, many.image))
    mels = [_told.listened(sounded(each, rounds=16)[0]) for each in told_units]  # yours
    colour, name = _told.recognised(ear, mels)
    said = [(colour == many.colour_id).float().mean(), (name == many.class_id).float().mean()]
    print(f"{kind}: colour {said[0]:.0%}, shape {said[1]:.0%} heard rightly; chance 12 %")

# %% [markdown]
# **How to read it.** What it has met it says well. Of a pair of colour and shape that no training picture showed, it says the shape, and mostly another colour: its units are no words. A sound for *yellow ball* as a whole was never in its data, and it has not found out that two halves could be put together. CLIP of part a managed that.
#
# ### Voice to face
#
# **Speech2Face** (Oh et al. 2019) asks how much of a face can be heard. A face network that is fixed puts faces into a space; a fixed decoder draws a face from a point of it. A voice encoder learns to hit the point of the face that spoke. Nobody labels a voice.

# %%
predict("13.15")

# %%
from lecture_utils.data.toyworld.faces import sample_speakers
from lecture_utils.recipes import _speakers

model = zoo.load("faces_from_voices").eval()
speakers = sample_speakers(200, seed=0, split="test")
mel, frontal = _speakers.heard(speakers), _speakers.portraits(speakers.faces, frontal=True) / 255
wild = _speakers.portraits(speakers.faces) / 255
with torch.no_grad():
    from_voice, from_face = model.voice_encoder(mel), model.face_encoder(wild)
    rows = {"who speaks": frontal[:7], "drawn from\na picture": model.face_decoder(from_face[:7]),
            "drawn from\nthe voice": model.face_decoder(from_voice[:7])}
plotting.show(figures.rows_figure(rows, "What a voice tells, and what it does not"),
              "Seven toy persons, and their faces drawn from a picture and from their voices.")

# %%
answers = _speakers.answers(speakers.faces)
known = {name: _speakers.balanced(model.face_encoder, points, answers)
         for name, points in (("voice", from_voice), ("face", from_face))}
figure = figures.told_figure(known, _speakers.QUESTIONS, "A voice tells of the body that makes it")
plotting.show(figure, "Bars for eleven questions: how far from chance a face gets, and how far a voice.")

# %% [markdown]
# **How to read it.** Pale bars are what the face network reads off a picture, taken from any side; dark ones what it reads off the voice's point. Voices tell woman from man, something of beards and of the head's size, and a little of age. Skin, hair, eyes and glasses are at chance. Where the voice says nothing, the drawing is the mean of all: one skin, one haze of hair for everybody.
#
# Would you use it? The authors themselves warn that the result is no person's true face, but an average-looking one with what goes with such voices *in the training data*. In our world we know what voices depend on, because we built it. In the real one a network also learns whatever its data happen to tie together: an accent to a skin, a language to a face. Drawn as a portrait, such a guess looks like evidence. It is none, and it can hurt somebody.

# %% [markdown] tags=["slide"]
# ## 5 · Stylisation
#
# CLIP can judge a picture by a sentence, and it has a gradient. So change a picture until CLIP finds that the sentence fits: **CLIP-guided stylisation**. The order here is always the same: *this object, please, but in another colour*.
#
# What is changed, and by which loss? A first loss is the **global** one: one less the cosine of picture and sentence. And what may change is every single pixel.

# %%
from lecture_utils.chapters.ch13 import style_study
from lecture_utils.multimodal.styles import ColourMap, Pixels
from lecture_utils.ops.ssim import ssim

order = style_study.commission(16)
images = order.pictures.image
there, wanted = order.texts()
with torch.no_grad():
    at_first = clip.encode_image(images)
    source_text, target_text = clip.texts(there), clip.texts(wanted)

# %%
def restyle(style: nn.Module, loss, content: float, rate: float, steps: int = 60) -> Tensor:
    """Optimise a style under a loss of embeddings, (B, D) → (B,), and of what SSIM says is lost."""
    optimizer = torch.optim.Adam(style.parameters(), rate)
    for _ in range(steps):
        styled = style(images)
        total = loss(clip.encode_image(styled)) + content * (1 - ssim(styled, images))
        optimizer.zero_grad()
        total.sum().backward(inputs=list(style.parameters()))  # CLIP stays as it is
        optimizer.step()
    with torch.no_grad():
        return style(images)

# %%
predict("13.16")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
def global_loss(now: Tensor) -> Tensor:
    """One less the cosine of pictures and wanted texts."""
    return 1 - (now * target_text).sum(-1)


pixels = restyle(Pixels(16, 32), global_loss, content=0.5, rate=0.02)
mapped = restyle(ColourMap(16), global_loss, content=0.2, rate=0.01)
rows = {"given": images[:7], "free pixels": pixels[:7], "a map\nof colours": mapped[:7]}
notes = {"given": [f"→ {COLOURS[k]}" for k in order.wanted[:7]]}
figure = figures.rows_figure(rows, "Asked for another colour", notes=notes)
plotting.show(figure, "Seven pictures, the colour asked for, and what two styles make of them.")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
results = {"as given": images, "free pixels": pixels, "a map of colours": mapped}
scores = [(name, *(f"{v:.2f}" for v in style_study.judged(clip, order, own).values()))
          for name, own in results.items()]
columns = ["", "CLIP's cosine", "object has the colour", "structure kept (SSIM)", "ground changed, of 255"]
show_table(scores, columns, caption="16 test pictures")

# %% [markdown]
# **How to read it.** CLIP is pleased most by free pixels: its cosine doubles, from 0.38 to 0.75. But look at them: they are the old pictures, speckled. By its own pixels, about one object in five has the colour asked for.
#
# These are **adversarial** pictures: they fool one network, and nobody else. The colour map pleases CLIP less (0.61), and gives twice as many objects their colour. It is no good either: it recolours sky and ground as well, and with them all else that had that colour.
#
# The colour map is a small network from a pixel's colour to a new one, the same wherever the pixel is. It cannot draw. So it can please CLIP in one way only: recolour everything of one colour. That is the lesson: what one *allows* to change decides more than the loss. And who judges must not be who was optimised. Here the object's own pixels do: their median, compared with the names of colours.
#
# ### A direction in place of a goal
#
# CLIPstyler (Kwon and Ye 2022) takes over a second loss, the **directional loss** (Gal et al. 2022). The picture shall move as the words move, from what is there to what is wanted. In natural photographs this keeps optimisers away from adversarial pictures.

# %% tags=["exercise:13.10"]
def directional_loss(styled: Tensor, source: Tensor, target_text: Tensor, source_text: Tensor) -> Tensor:
    """One less the cosine between how the pictures moved and how the texts differ, (B,).

    `styled` and `source` (B, D) are embeddings of the pictures now and at first, `target_text` and
    `source_text`, (B, D) or (1, D), of what is wanted and of what is there. It is 1 where nothing has moved
    yet, with a gradient that is finite.
    """
    ...


directional_loss = check("13.10", directional_loss)

# %% [markdown]
# # solution: lecture_utils.chapters.ch13.crossing_solutions.directional_loss

# %% tags=["system:S13.9", "nbval-ignore-output", "why:last-digits-differ-between-processors"]
def along(now: Tensor) -> Tensor:
    """Yours, for these pictures and texts."""
    return directional_loss(now, at_first, target_text, source_text)


turned = restyle(ColourMap(16), along, content=0.2, rate=0.01)
judged = style_study.judged(clip, order, turned)
scores += [("a map, by direction", *(f"{value:.2f}" for value in judged.values()))]
show_table(scores, columns, caption="16 test pictures")
with torch.no_grad():
    print(f"cosine of the way gone with the way wanted: {1 - along(clip.encode_image(turned)).mean():.2f}; "
          f"of the colour map by goal: {1 - along(clip.encode_image(mapped)).mean():.2f}")
shown = {"given": images[:7], "by goal": mapped[:7], "by direction": turned[:7]}
plotting.show(figures.rows_figure(shown, "By direction, the pictures run off", notes=notes),
              "Seven pictures restyled by the global and by the directional loss; the latter runs far off.")

# %% [markdown]
# **How to read it.** Here it is worse. The pictures run off into pure colours, at which nothing can be changed any more: a number above 1 is cut off, and passes no gradient. The loss does not even reach what it asks for. The way gone has a cosine of 0.47 with the way wanted; the map that never heard of a way has 0.71.
#
# A direction does not say how far, and at first, when nothing has moved, the least step decides it. We tried slower steps, more weight for SSIM, and noisy copies of each picture, on validation pictures: by direction alone, never more than a third of the objects had the colour. That it helps photographs, with VGG's features and a network in between, this toy cannot show.

# %% [markdown] tags=["slide"]
# ## 6 · Sentences that move
#
# Part a had no motion: one picture shows no running. **MotionCLIP** (Tevet et al. 2022) takes a motion as 32 frames of joint rotations (chapter 20), and trains an auto-encoder: a transformer makes one vector $z$ of the motion, another makes the motion again from $z$ alone. And it pulls $z$ to where a frozen CLIP puts the motion's caption, and one of its frames:
#
# $$L = L_{recon} + \lambda_{text}\,\big(1 - \cos(z, \text{CLIP}(\text{text}))\big) + \lambda_{image}\,\big(1 - \cos(z, \text{CLIP}(\text{frame}))\big)$$
#
# Once trained, put a *sentence's* embedding in place of $z$.

# %% tags=["show"]
# show: lecture_utils.multimodal.motion_clip.MotionDecoder.forward

# %% tags=["show"]
from lecture_utils.multimodal.clip.clip import CLIP
from lecture_utils.multimodal.motion_clip import MotionCLIP

# show: lecture_utils.multimodal.motion_clip.text_to_motion

# %% [markdown]
# The decoder gets nothing but the vector, and one query a frame that says *when*. Sixteen of the 64 pairs of legs and arms were never seen together.

# %%
predict("13.17")

# %% tags=["system:S13.10"]
from lecture_utils.chapters.ch13 import motion_figures, motion_study
from lecture_utils.data.toyworld.people.motions import FRAMES

stage = motion_study.studio()  # the auto-encoder, its CLIP, and a judge that saw true motions only
asked = ["a person walks and waves", "a person runs", "a person squats and raises the arms"]
with torch.no_grad():
    made = text_to_motion(stage.model, stage.clip, asked, FRAMES)  # (3, 32, 24, 6)
plotting.show(motion_figures.motion_strips(made, asked, size=90),
              "Three sentences, each as a strip of eight small figures that do what it says.")

# %%
plotting.show(motion_figures.body_strip(made[0], "a person walks and waves"),
              "Eight shaded bodies from left to right: somebody walks and waves.")

# %%
rows = [(name, *(f"{part[key]:.2f}" for key in ("legs", "arms", "pair")))
        for name, part in motion_study.obedience(stage).items()]
show_table(rows, ["sentences about", "legs obey", "arms obey", "both"])

# %% [markdown]
# **How to read it.** Arms obey nearly always, legs in three of four sentences. For pairs never seen together it is somewhat less: 67 % do both, where chance has 2 %. So legs and arms have places of their own in the space. Look at the legs of the walker: the steps are small. A sentence fits many motions that differ in phase and style; the vector of the sentence stands for all of them, and what is decoded is near their mean.
#
# ### From one sentence to another
#
# Between two sentences lie points that no sentence has.

# %%
between, names = motion_study.between(stage, "a person walks", "a person walks and raises the arms", 4)
titles = [f"{share:.0%}: legs {legs}, arms {arms}"
          for share, (legs, arms) in zip((0, 1 / 3, 2 / 3, 1), names, strict=True)]
plotting.show(motion_figures.motion_strips(between, titles, size=90),
              "Four strips from walking to walking with raised arms, with what a judge sees in each.")

# %%
for kind, speeds in motion_study.pace(stage).items():
    print(f"{kind:10}", "; ".join(f"{word}: {speed:.2f} m/s" for word, speed in speeds.items()))

# %% [markdown]
# **How to read it.** The judge takes the walker of the first strip for somebody who stands, for the reason above. Arms go up along the way. And now the words that CLIP has no picture of: *slowly* and *quickly*. True motions differ by a factor of two. Generated ones do not differ at all. CLIP learned from single frames, in which nobody is fast.

# %% [markdown] tags=["slide"]
# ## 7 · Put together, and evaluate
#
# One chain through all of it: an object is struck, the sound finds its picture, the picture is told by a language model that has seen none, and is said aloud.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
chain, spoken = [], {}
for name, sound in zip(("ball", "star", "ring"), sounds, strict=True):
    with torch.no_grad():
        nearest = int((bound.encode("audio", sound[None]) @ pictures.T).argmax())
        caption, _ = describe(pictures[nearest, None])
    units, _ = speaker.tell(_told.features_of(judge, gallery.image[nearest, None]))
    spoken[caption] = sounded(units[0])[0]
    chain.append((f"a {name}, struck", gallery.text[nearest], caption))
show_table(chain, ["heard", "the picture found is captioned", "what ZeroCap says of it"])
hear(dict([list(spoken.items())[1]]))  # the star's

# %% [markdown]
# ### Successes and failures
#
# **Successes.** The shape comes through the whole chain, three times of three. Each link was trained by itself.
#
# **Failures.** The colour is that of the picture found: no sound has said it. Once ZeroCap stumbles (*aa picture of a*), since a token that CLIP likes is not always one that grammar likes. And who hears only the speech at the end cannot tell which of this was heard, and which was made up.
#
# What else lives on such a space? Pictures from sentences (chapters 16 and 17) and shapes from sentences (chapter 19). There CLIP is the ear that listens to the sentence, and a stronger painter does the rest.

# %% [markdown] tags=["slide"]
# ## 8 · Claims, measured
#
# Each has a rule that was written before its runs.
#
# ### C13.4 · Fused senses lean on the quicker one

# %% tags=["claim:C13.4"]
from lecture_utils.chapters.ch13 import clip_claim_figures as claim_figures
from lecture_utils.experiments import ledger
from lecture_utils.experiments.card import show_claim

show_claim("C13.4")

# %%
figure = claim_figures.senses_figure(ledger.load("C13.4").figures, "One loss neglects the picture")
plotting.show(figure, "Accuracies over five seeds with both senses and without each, under both losses.")

# %% [markdown]
# **How to read it.** *C13.4 holds.* Fused under one loss, and without the caption, 67 % are right; a network of pictures alone has 89 %. A loss for each sense gives back 0.89 of the difference (interval 0.85 to 0.94). Where the caption does not name the shape, it gains 18 points; over all, with both senses, 2.
#
# The encoder itself had learned less, too: a linear classifier on its features finds 17 points less than on those of pictures alone. On training pictures all are at 100 %. The neglect shows only on new ones.
#
# ### C13.5 · What pictures alone bind

# %% tags=["claim:C13.5"]
show_claim("C13.5")

# %%
plotting.show(imagebind_figures.emergent_figure(ledger.load("C13.5")),
              "Recall from text to sound, depth and motion: bound by pictures, trained on text, and chance.")

# %% [markdown]
# **How to read it.** *C13.5 holds*, with far more than its rule asked for. Bound by pictures alone, sound, depth and motion are found by words as well as if they had been trained on words: the shares are 1.00, 0.99 and 1.00. Sound finds depth in all but a few of a thousand cases. With pictures shuffled in training, words find sounds at chance.
#
# It cannot tell how much is lost, because nothing is: our senses are clean, and both arms stand at the ceiling. The boundary says the same. With 16 pairs of sound and picture the share is 1.06 (0.49 to 1.63): fewer pairs hurt both arms alike. In the paper, whose sounds are those of videos, emergent zero-shot is well above chance and below what supervised networks reach.

# %% [markdown] tags=["slide"]
# ## 9 · Paper and toy
#
# | | The papers | Here | What it costs |
# |---|---|---|---|
# | ImageBind | OpenCLIP ViT-H, videos, five further senses | our CLIP, still scenes, three | real noise: our senses are clean |
# | ZeroCap | GPT-2 and CLIP, five beams | a model of captions alone | nothing to say but captions |
# | Sound2Scene | SwAV's ResNet-50, a GAN | CLIP, a small decoder that is told where | sharpness, backgrounds |
# | Image to speech | units learned in a network, Tacotron 2 | k-means, mean spectra, Griffin–Lim | voices, prosody |
# | Speech2Face | VGG-Face, a million video clips | toy persons whose voices hang on their bodies | what real voices tell |
# | CLIPstyler | VGG features, a U-Net, patches | SSIM, pixels or a colour map | textures |
# | MotionCLIP | AMASS, skinned bodies | 64 pairs of actions, joints | variety |

# %% [markdown] tags=["slide"]
# ## 10 · Break it
#
# ### A search that finds everything
# An encoder has collapsed: it puts each sound in the same place. What does your measure say, and what does one that counts ties in favour of the query?

# %%
collapsed = torch.ones(300, clip.dim) / clip.dim**0.5
scores_of = collapsed @ collapsed.T
same = test.some.class_id[:, None] == test.some.class_id
lenient = (scores_of.masked_fill(~same, -1).amax(1) >= scores_of.amax(1)).float().mean()
print(f"yours: {recall_at(scores_of, same, 1):.2f}; ties for the query: {lenient:.2f}")

# %% [markdown]
# A measure that is kind to ties gives full marks to an encoder that knows nothing. It has happened in published code, since collapse is a common accident of training.
#
# ### Thaw CLIP
# ImageBind keeps CLIP frozen. Train its image encoder along, against sounds alone. Guess first: who still finds whom afterwards?

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
rows = []
for name, frozen in (("frozen", True), ("trained along", False)):
    found = imagebind_study.thawed(scenes, test, frozen=frozen, steps=40)
    rows.append((name, *(f"{found[key]:.2f}" for key in found)))
show_table(rows, ["CLIP's image encoder", *found])

# %% [markdown]
# Pictures and sounds still find each other. But the picture's encoder has moved to where sounds like it, and words, whom nobody asked, stayed behind: from words to sounds about half is lost, and of CLIP's own zero-shot about four tenths. What is to hold several senses together must not move.

# %% [markdown] tags=["slide"]
# ## 11 · With real weights, and a real photograph
#
# Section 5 with a network that knows the real world: EfficientNet-Lite0, trained on 1.28 million photographs. A photograph is to become something else, by free pixels and by a map of colours. No word of CLIP's is needed: the network's own class is the goal.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.data import photographs
from lecture_utils.hub.packaged import efficientnet_lite0
from lecture_utils.plotting.display import show_photographs

real = efficientnet_lite0()
photo = photographs.load("cat", 224)[None]  # a cat
goal = real.names.index("goldfish")
made = [photo[0]]
for style, rate in ((Pixels(1, 224), 0.004), (ColourMap(1), 0.01)):
    optimizer = torch.optim.Adam(style.parameters(), rate)
    for _ in range(12):
        loss = F.cross_entropy(real.model(real.transform(style(photo))), torch.tensor([goal]))
        optimizer.zero_grad()
        loss.backward(inputs=list(style.parameters()))
        optimizer.step()
    made.append(style(photo)[0].detach())

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
titles = [f"{name}: {share:.0%}" for ((name, share),) in real.top(made, 1)]
show_photographs(plotting.image_grid(made, titles, columns=3, size=2.5),
                 "A cat, its free pixels changed, and recoloured, with what a network calls each.",
                 quality=60, scale=1.2)

# %% [markdown]
# The same on a real network. Free pixels: *goldfish*, nearly for sure, and you see no difference. A map of colours: less sure, and you see at once what it has understood of goldfish: they are orange. A cat it remains, for you. (Szegedy et al. 2014 found such pictures first.)

# %% [markdown] tags=["slide"]
# ## 12 · Summary in five sentences
#
# 1. Senses that were each bound to pictures find one another, though they never met.
# 2. A network with two senses leans on the one learned sooner; a loss for each keeps both awake.
# 3. A frozen language model can be steered by a frozen CLIP, at the price of some grammar.
# 4. What a sense does not carry the decoder makes up: the colour of a sound, the skin of a voice.
# 5. Who optimises against CLIP may fool CLIP, so somebody else has to judge.
#
# ### Further exercises
#
# 1. Bind a new sense: what the motion sensor feels, trained against *sounds* in place of pictures. What do words find then?
# 2. Give `restyle` a third style: a colour map that may depend on the distance from the picture's middle. Does it spare the ground?
#
# ### References
#
# - R. Gal et al., "StyleGAN-NADA: CLIP-Guided Domain Adaptation of Image Generators", ACM Transactions on Graphics, 2022. [arXiv:2108.00946](https://arxiv.org/abs/2108.00946)
# - R. Girdhar et al., "ImageBind: One Embedding Space To Bind Them All", CVPR 2023. [arXiv:2305.05665](https://arxiv.org/abs/2305.05665)
# - D. Griffin, J. Lim, "Signal Estimation from Modified Short-Time Fourier Transform", IEEE Transactions on Acoustics, Speech, and Signal Processing, 1984.
# - W.-N. Hsu et al., "Text-Free Image-to-Speech Synthesis Using Learned Segmental Units", ACL 2021. [arXiv:2012.15454](https://arxiv.org/abs/2012.15454)
# - G. Kwon, J. C. Ye, "CLIPstyler: Image Style Transfer with a Single Text Condition", CVPR 2022. [arXiv:2112.00374](https://arxiv.org/abs/2112.00374)
# - T.-H. Oh et al., "Speech2Face: Learning the Face Behind a Voice", CVPR 2019. [arXiv:1905.09773](https://arxiv.org/abs/1905.09773)
# - X. Peng et al., "Balanced Multimodal Learning via On-the-fly Gradient Modulation", CVPR 2022. [arXiv:2203.15332](https://arxiv.org/abs/2203.15332)
# - K. Sung-Bin et al., "Sound to Visual Scene Generation by Audio-to-Visual Latent Alignment", CVPR 2023. [arXiv:2303.17490](https://arxiv.org/abs/2303.17490)
# - C. Szegedy et al., "Intriguing properties of neural networks", ICLR 2014. [arXiv:1312.6199](https://arxiv.org/abs/1312.6199)
# - G. Tevet et al., "MotionCLIP: Exposing Human Motion Generation to CLIP Space", ECCV 2022. [arXiv:2203.08063](https://arxiv.org/abs/2203.08063)
# - Y. Tewel et al., "ZeroCap: Zero-Shot Image-to-Text Generation for Visual-Semantic Arithmetic", CVPR 2022. [arXiv:2111.14447](https://arxiv.org/abs/2111.14447)
# - W. Wang, D. Tran, M. Feiszli, "What Makes Training Multi-Modal Classification Networks Hard?", CVPR 2020. [arXiv:1905.12681](https://arxiv.org/abs/1905.12681)
#
# ### What comes next
#
# In chapter 14 a language model gets eyes of its own: it is asked about pictures, and answers.

# %%
progress("13")
