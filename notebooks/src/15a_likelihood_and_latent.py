# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["slide"]
# # 15a · Likelihood and latent
#
# **How likely is a picture, and where do pictures live?**
#
# So far networks were given pictures and said something about them. From here on they make pictures. This notebook does it in two ways that can be written down as probabilities. One puts a picture together pixel by pixel, and says of each how likely it is. The other believes that behind a picture there stand a few numbers, and learns to go there and back.

# %% [markdown] tags=["skip"]
# ## What you will do
#
# 1. **Score** every pixel of a digit in bits, and draw new digits one pixel after another: PixelCNN and PixelRNN.
# 2. **Squeeze** pictures through a few numbers: the auto-encoder, and why noise fed to its decoder gives no picture.
# 3. **Spread** each picture into a cloud, so that noise does: the variational auto-encoder.
# 4. **Build** one from its bound, and find out why another one ignores its own code.
#
# **You need** chapter 01 (training, convolutions) and, for one part, the LSTM of 14a. Probability at school level: products, logarithms, the normal distribution.
#
# | Part | Minutes | Part | Minutes |
# |---|---:|---|---:|
# | 1 · One pixel after another | 70 | 4–5 · Put together, claims | 20 |
# | 2 · Through a bottleneck | 25 | 6–7 · Paper and toy, break it | 20 |
# | 3 · A cloud, not a point | 60 | 8–10 · Lab, real weights, summary | 45 |
#
# **A GPU** is not needed: everything here runs on two processor cores.

# %% tags=["skip"]
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lecture_utils import plotting, zoo
from lecture_utils.chapters.ch15 import latent_bound_figures, latent_figures, pixel_figures
from lecture_utils.plotting.sheets import sample_sheets
from lecture_utils.exercises import check, predict, progress
from lecture_utils.kernel.start import start
from lecture_utils.kernel.tables import show_table
from lecture_utils.widgets.present import present

start("15")

# %% [markdown] tags=["slide"]
# ## Result first
#
# A **generative model** has learned from examples what pictures of a kind are like, and makes new ones. Here are two, and real ones to compare. The digits were drawn pixel by pixel; the scenes were decoded from 64 draws of plain noise. Nothing was chosen: these are the first 64 of each.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch15 import latent_study, pixel_study
from lecture_utils.generative.pixel.fast_sampling import fast_sample
from lecture_utils.recipes._digits_pixels import as_pictures

pixelcnn, scenes_vae = pixel_study.shipped_pixels(), latent_study.shipped_latent("shapes_vae")
sheets = {"digits, pixel by pixel": as_pictures(fast_sample(pixelcnn, 64, seed=0)),
          "scenes, from noise": scenes_vae.sample(64, seed=0)}
plotting.show(sample_sheets(sheets, "Made, not chosen: the first 64 of each"),
              "64 digits drawn pixel by pixel, and 64 scenes decoded from noise.")

# %% [markdown]
# About half of the digits can be read at once, and every one is new. The scenes have sky and ground and something on it, though seldom one clear shape of one colour, and all of them are soft, as if seen through a steamed-up window.
#
# Both were trained for minutes at most on one processor core. Why the one is sharp and wrong now and then, and the other soft and in order, is what this notebook is about.

# %% [markdown] tags=["slide"]
# ## 1 · One pixel after another
#
# A digit of the course has 8 × 8 pixels, and each pixel one of 17 levels of ink, 0 to 16. That makes $17^{64}$ different pictures, of which nearly all are noise. A model that gives each of them a probability knows which are digits. How could one ever write down so many?
#
# By the **chain rule**. Read the pixels row by row, from the left. Whatever the distribution is, it can be written as a product:
#
# $$p(x) = \prod_{i=1}^{64} p(x_i \mid x_1, \dots, x_{i-1})$$
#
# Each factor is a choice between 17 levels, and that is something a network can do: a softmax. A model of this kind is called **autoregressive**. Text is modelled in the same way (chapter 14), with words in the place of pixels.

# %%
from lecture_utils.data import digits

images, labels = digits.load(8, "train")
levels = (images * 16).round().long()  # (1197, 1, 8, 8), 0 to 16
val_levels = (digits.load(8, "val")[0] * 16).round().long()
test_levels = (digits.load(8, "test")[0] * 16).round().long()
print("a seven, as numbers:")
print("\n".join(" ".join(f"{level:2}" for level in row) for row in levels[labels == 7][0, 0].tolist()))

# %% [markdown]
# ### Do not look ahead
#
# One network is to give all 64 factors at once. So its answer for pixel $i$ must depend on the pixels before $i$, and on no other: not on $i$ itself, nor on any that comes later. A convolution looks in all directions. But some of its weights can be set to zero and kept there. A **masked convolution** multiplies its kernel by a mask of zeros and ones.
#
# In the *first* layer the centre must go: it would show the pixel that is to be guessed. That is a mask of kind **A**.

# %%
predict("15.1")

# %% [markdown]
# In all later layers the centre may stay, kind **B**. There it holds what the layer before has gathered, and in that the pixel itself is not contained.
#
# With three colours a pixel is three numbers, and each has its own factor in the product.

# %%
predict("15.2")

# %% [markdown]
# So the order goes on inside the pixel: red is told by the earlier pixels, green may see red, blue may see both. For that the channels of each layer are cut into three groups in a row, one for each colour. At the centre, kind A lets a group see the groups before its own. Kind B lets it see its own as well.

# %% tags=["exercise:15.1"]
def pixel_mask(kind: str, size: int, in_channels: int, out_channels: int, colours: int = 1) -> Tensor:
    """What a kernel of PixelCNN may see, (O, I, k, k) bool: True where a weight may stay.

    All rows above the centre, and in the centre's row all to the left of it. At the centre itself colours
    count: the channels, in and out, are cut into `colours` equal groups in a row (for 3: red, green, blue).
    Kind "A" sees there the groups before its own, kind "B" its own too.
    """
    ...


pixel_mask = check("15.1", pixel_mask)

# %% [markdown]
# # solution: lecture_utils.chapters.ch15.solutions.pixel_mask

# %%
figure = pixel_figures.masks_figure(5, pixel_mask, "Above, and to the left")
plotting.show(figure, "Two kernels of 5 × 5: ones above and to the left; at the centre 0 in kind A, 1 in B.")
figure = pixel_figures.colour_mask_figure(pixel_mask, "At the pixel itself, colours have an order too")
plotting.show(figure, "Which colour sees which at the centre, for both kinds of mask.")

# %% tags=["show"]
# show: lecture_utils.generative.pixel.masked_convolution.MaskedConv2d.forward

# %% [markdown]
# **PixelCNN** (van den Oord et al. 2016) begins with a large kernel of kind A. Then come blocks that halve the channels, look around with 3 × 3 of kind B, and add what they found. The last layers give 17 scores for each pixel.

# %% tags=["show"]
# show: lecture_utils.generative.pixel.pixelcnn.ResidualBlock.forward

# %% tags=["show"]
# show: lecture_utils.generative.pixel.pixelcnn.PixelCNN.logits

# %% [markdown]
# Does it look ahead? A gradient tells. Take what an untrained network says at one pixel, and ask which pixels it would change with. With your mask, for every pixel:

# %%
from lecture_utils.generative.pixel.influence import influence
from lecture_utils.generative.pixel.pixelcnn import PixelCNN

probe = pixel_study.opened(PixelCNN(17, width=16, layers=4, size=5, mask=pixel_mask))
leaks = 0
for i in range(64):
    seen = influence(probe, (8, 8), i // 8, i % 8)[0].flatten()  # (64,): gradient at each pixel
    leaks += int((seen[i:] > 0).sum())
print(f"gradients at the pixel itself or at later ones that are not exactly 0: {leaks}")

# %% [markdown]
# Exactly 0, for all 64 pixels: no later one comes through, nor the pixel itself.
#
# ### What does a picture cost?
#
# The logarithm makes a sum of the product. To base 2 its unit is the **bit**: a number whose probability was 1/2 costs one bit. A good model makes real digits cheap. To compare pictures of all sizes, divide by how many numbers there are: **bits per dimension**.

# %%
predict("15.3")

# %% tags=["exercise:15.2"]
def bits_per_dim(logits: Tensor, image: Tensor) -> Tensor:
    """How many bits a model needs for each number of a picture, in the mean over the picture, (B,).

    `logits` (B, L, C, S, S) say for each colour of each pixel how likely each of L levels is; `image`
    (B, C, S, S) int64 are the levels that are there. By the chain rule a picture's probability is the product
    of all its numbers'. A number of probability 1/2 costs one bit.
    """
    ...


bits_per_dim = check("15.2", bits_per_dim)

# %% [markdown]
# # solution: lecture_utils.chapters.ch15.solutions.bits_per_dim

# %% [markdown]
# ### Train one
#
# Fewer bits is a larger probability, so this is the loss as well. Your mask and your bits, in a network that learns for about half a minute. There are but 1,197 digits: in much longer training it would learn them by heart.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.recipes._digits_pixels import baseline_bits, level_batches
from lecture_utils.training.one_cycle import one_cycle

torch.manual_seed(0)
own = PixelCNN(17, width=32, layers=3, size=5, mask=pixel_mask)
own, info = one_cycle(own, level_batches(0), steps=1000, warm_up=0.1,
                      loss=lambda model, image, _: bits_per_dim(model(image), image).mean(),
                      optimizer=torch.optim.AdamW(own.parameters(), 4e-3), label="PixelCNN")
own.eval()
with torch.no_grad():
    own_bits = bits_per_dim(own(test_levels), test_levels).mean().item()
print(f"{info['seconds']:.0f} s: {own_bits:.2f} bits a pixel on test digits")

# %% [markdown]
# ### What stays unseen
#
# It does not look ahead. But does it see *everything* that came before? With layers enough it should.

# %%
predict("15.4")

# %%
from lecture_utils.generative.pixel.gated_pixelcnn import GatedPixelCNN

deep = pixel_study.opened(PixelCNN(17, width=16, layers=12, size=3, mask=pixel_mask))
shallow = pixel_study.opened(PixelCNN(17, width=16, layers=2, size=3, mask=pixel_mask))
gated = pixel_study.opened(GatedPixelCNN(17, width=16, layers=7, size=3))
asked = {"2 blocks": shallow, "12 blocks": deep, "7 gated layers": gated}
seen = {name: influence(model, (9, 11), 6, 5)[0] for name, model in asked.items()}
figure = pixel_figures.field_figure(seen, 6, 5, "Depth leaves a wedge unseen; two stacks do not")
plotting.show(figure, "What the framed pixel depends on: blue is seen, orange comes before and is not.")

# %% [markdown]
# **How to read it.** Blue pixels reach the framed one; the orange come earlier and do not. Two blocks are too few. But however many layers there are, a step to the right goes only with a step up, so what lies flat to the upper right is never reached. This is the **blind spot**.
#
# The authors mended it in their next paper (van den Oord et al. 2016b), on the right: one stack of layers reads whole rows above, a second reads the row itself and is told what the first found.

# %% [markdown]
# ### Draw
#
# To draw a digit, begin with an empty picture. Ask for the first pixel's probabilities, draw a level, write it down; ask for the second. What is asked is always the same network, once a pixel.

# %%
predict("15.5")

# %% tags=["exercise:15.3"]
def sample_digits(model, n: int, size: int, generator: torch.Generator) -> Tensor:
    """Draw n pictures, pixel by pixel, row by row, each row from the left: (n, 1, S, S) int64.

    `model(image)` takes levels (n, 1, S, S) int64 and gives logits (n, L, 1, S, S) of every pixel's level,
    made of the pixels before it alone. Each pixel is drawn from its probabilities with `generator`, and
    stands in the picture before the next one is asked for.
    """
    ...


sample_digits = check("15.3", sample_digits)

# %% [markdown]
# # solution: lecture_utils.chapters.ch15.solutions.sample_digits

# %% tags=["system:S15.1", "nbval-ignore-output", "why:last-digits-differ-between-processors"]
with torch.no_grad():
    sheets = {name: sample_digits(model, 32, 8, torch.Generator().manual_seed(0)) / 16
              for name, model in (("yours", own), ("the course's, larger", pixelcnn))}
sheets["real"] = test_levels[:32] / 16
plotting.show(sample_sheets(sheets, "Drawn pixel by pixel", columns=8),
              "Digits drawn by two networks, and real ones, 32 each.")

# %% [markdown]
# **How to read it.** Each digit was drawn without a plan. A pixel fits those before it, so strokes have the right width and softness from the start. That they join to *one* digit needs longer training and a wider view. What is wrong is wrong in the large, and never blurred: a level is drawn, and not the mean of several.
#
# The upper half can also be given. Then only the lower half is drawn, as often as one likes:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
halves = pixel_study.one_of_each()[[2, 3, 5, 8, 9]]
drawn = pixel_study.completions(pixelcnn, halves, 6, rows=4)
plotting.show(pixel_figures.completions_figure(halves, drawn, 4, "One upper half, several digits"),
              "Upper halves of five digits, six drawn completions of each, and what was written.")

# %% [markdown]
# **How to read it.** The model is asked six times, and gives different lower halves where the upper half leaves a choice: what begins like an 8 may end as a 9. A model that gave *the* best answer could not do this.
#
# ### Where are the bits?
#
# Step over the pixels of one digit: what is known, what the network expects, what comes.

# %%
from lecture_utils.chapters.ch15.widgets.next_pixel import next_pixel

present(next_pixel())

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
maps = {"PixelCNN": pixel_study.bits_by_pixel(pixelcnn), "yours": pixel_study.bits_by_pixel(own)}
plotting.show(pixel_figures.bits_map_figure(maps, "Left and right are free, the middle is dear"),
              "Mean cost of each pixel over 300 test digits, for two networks.")

# %% [markdown]
# **How to read it.** The columns at the far left and right are nearly always paper and cost next to nothing; the digits fill the height. In the middle a pixel costs about three bits, hardly less than one out of eight equally likely levels.
#
# Much of it is chance: a level counts the inked ones of 4 × 4 finer dots, and how a stroke's edge cuts through them nothing before it tells. No model can get that for nothing: the entropy of the digits themselves is a floor, and nobody knows where it is.
#
# ### A memory that walks down the picture
#
# The same paper's other model has a memory instead of a large field. **PixelRNN** with the **Row LSTM** goes from row to row. At each row a convolution of the states *above* (three wide) meets a masked convolution of the row itself. The gates are those of an LSTM:

# %% tags=["show"]
# show: lecture_utils.generative.pixel.row_lstm.RowLSTM.cell

# %% tags=["show"]
# show: lecture_utils.generative.pixel.row_lstm.RowLSTM.forward

# %%
from lecture_utils.generative.pixel.row_lstm import PixelRNN

rows = pixel_study.opened(PixelRNN(17, width=16, layers=1, size=3, mask=pixel_mask))
plain = pixel_study.opened(PixelCNN(17, width=16, layers=1, size=3, mask=pixel_mask))
asked = {"one block": plain, "one Row LSTM": rows}
seen = {name: influence(model, (9, 11), 7, 5)[0] for name, model in asked.items()}
plotting.show(pixel_figures.field_figure(seen, 7, 5, "One layer of memory reaches the first row"),
              "What the framed pixel depends on, with one block of PixelCNN and with one Row LSTM.")

# %% [markdown]
# **How to read it.** One layer sees a triangle up to the top: a row further, a pixel wider on each side. The memory pays with time. A convolution does all rows at once, a recurrent layer one after the other.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
pixelrnn = pixel_study.shipped_pixels("digits_pixelrnn")
names = {"uniform": "uniform: log2 17", "place": "a histogram for each pixel",
         "left": "by the pixel to the left", "place and left": "by place and left neighbour"}
costs = {names[name]: bits for name, bits in baseline_bits("test").items()} | {"PixelCNN, yours": own_bits}
with torch.no_grad():
    for name, model in (("PixelCNN, shipped", pixelcnn), ("PixelRNN, shipped", pixelrnn)):
        costs[name] = bits_per_dim(model(test_levels), test_levels).mean().item()
plotting.show(pixel_figures.bits_figure(costs, "What a pixel of a test digit costs"),
              "Bits per pixel of a blind guess, three tables of counts and three networks.")

# %% [markdown]
# **How to read it.** Knowing how often each level stands at each place saves 1.65 of 4.09 bits. The neighbour on the left saves another 0.1, and all that stands before another half. The shipped Row LSTM is a little better than the shipped PixelCNN, as in the paper (on CIFAR-10 3.07 against 3.14). On the training digits both need 0.14 bits less: of 1,197 digits something is learned by heart.

# %% [markdown]
# ### Asked for a digit
#
# Each factor may also depend on a wish: $p(x_i \mid x_1, \dots, x_{i-1}, c)$, with $c$ the class. The gated network was trained like that. Eight of each:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.plotting.sheets import sample_sheet

by_class = pixel_study.shipped_gated()
wanted = torch.arange(10).repeat_interleave(8)
drawn = as_pictures(pixel_study.draw(by_class, 80, label=wanted))
plotting.show(sample_sheet(drawn, "Drawn to order", rows=[str(i) for i in range(10)]),
              "Eight digits of each class, drawn by a network that was told the class.")
with torch.no_grad():
    bits, posterior = pixel_study.by_every_class(by_class, test_levels)
named = (posterior.argmax(1) == digits.load(8, "test")[1]).float().mean()
print(f"class unknown: {bits.mean():.2f} bits a pixel; test digits named by Bayes' rule: {named:.1%}")

# %% [markdown]
# **How to read it.** The model can be turned round. Ask under which class a digit is likeliest, and Bayes' rule names it: a classifier that was never trained to classify.

# %% [markdown] tags=["slide"]
# ## 2 · Through a bottleneck
#
# The other idea: a picture of a ball on grass is 3,072 numbers, but hardly so many *choices*. Which shape, which colour, where, how lit: a few dozen numbers would do. An **auto-encoder** (Hinton and Salakhutdinov 2006) is trained to find such numbers by itself. An **encoder** squeezes the picture into a **code** of Z numbers, the **latent** numbers; a **decoder** makes the picture again. The loss is the squared difference. Nobody says what the numbers should mean.

# %% tags=["show"]
# show: lecture_utils.generative.autoencoder.Encoder.forward

# %% tags=["show"]
# show: lecture_utils.generative.autoencoder.Decoder.logits

# %% [markdown]
# Encoder and decoder are mirror images: convolutions that halve the side, a linear layer to the code; a linear layer back, transposed convolutions that double the side. How much is lost at which width of the code? Beside it the best *linear* code of the same width, from principal components: the one that an auto-encoder without any nonlinearity would find (Baldi and Hornik 1989).

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
points = latent_study.by_width((1, 2, 4, 8, 16, 32), steps=300)
plotting.show(latent_figures.widths_figure(points, "A few numbers hold most of a digit"),
              "PSNR of test digits over the width of the code, for auto-encoders and principal components.")

# %% [markdown]
# **How to read it.** PSNR is a mean error on a logarithmic scale: 3 dB less is twice the squared error. Up to eight numbers the auto-encoder keeps more than the best linear code: shapes of digits are bent, and it may bend. Above that principal components win here. They are computed exactly, and our networks had two seconds each; that they *could* do as well does not mean that they do.
#
# A decoder turns any 8 numbers into a picture. So draw 8 from $N(0, I)$, each by itself from a normal distribution of mean 0 and variance 1, and decode: will there be new digits? A **judge** is asked, a network that was trained to name real digits. It is *sure* if it gives one class a probability of 0.9 or more. And the **Fréchet distance** compares all decoded digits with as many real ones in that network's features: the smaller, the more alike (part b takes it apart).

# %%
predict("15.6")

# %% tags=["system:S15.2", "nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch15.latent_claims import from_noise, judged

train_digits = digits.load(8, "train")[0]
squeezed = latent_study.train_digits(latent_study.new_arm("auto-encoder", 8), steps=600)
decoded = from_noise(squeezed, train_digits, 300, seed=0)
rows = []
for name, made in (("N(0, I)", decoded["standard"]), ("a Gaussian fitted to its codes", decoded["fitted"]),
                   ("real digits", digits.load(8, "val")[0])):
    distance, sure = judged(made)
    rows.append((name, f"{sure:.0%}", f"{distance:.1f}"))
show_table(rows, ["8 numbers decoded, drawn from", "the judge is sure", "distance to real digits"])

# %% [markdown]
# **How to read it.** Decoded from plain noise, about one in five looks like a digit to the judge, where real ones nearly always do. From a Gaussian *fitted* to the codes of real digits it is nearly one in two, and the distance falls to a fifth. So the decoder is not to blame: we did not know where the codes lie. And scenes, with 32 numbers:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.data.toyworld.language.captioned import captioned
from lecture_utils.recipes import _latent

autoencoder = latent_study.shipped_latent("shapes_ae")
test = captioned(400, split="test")
noise = torch.randn(64, 32, generator=torch.Generator().manual_seed(0))
sheets = {"test pictures": test.image[:64],
          "through the code and back": _latent.reconstructed(autoencoder, test.image[:64]),
          "decoded from noise": _latent.decoded(autoencoder, noise)}
plotting.show(sample_sheets(sheets, "There and back it works; noise gives no scenes"),
              "Real pictures, their reconstructions by the auto-encoder, and what it makes of noise.")

# %% [markdown]
# **How to read it.** Back through the code, place, colour and ground are right, and large shapes too. Fine parts are lost: a star comes back as a pentagon, a small cross as a lump. The noise lies where no picture's code lies, and the decoder answers with patches of colours: all that it knows, and no scene.

# %% [markdown] tags=["slide"]
# ## 3 · A cloud, not a point
#
# ### What we would like to maximise
#
# Believe that pictures come about like this: nature draws a few numbers $z$ from $N(0, I)$, and then a picture $x$ from $p(x \mid z)$, which a decoder knows. A good decoder makes the real pictures likely. But how likely it makes one is a sum over *all* $z$ that could stand behind it:
#
# $$p(x) = \int p(x \mid z)\, p(z)\, dz$$
#
# This is the **evidence**. Could one try many $z$ and add up? Take one scene, the decoder that made the scenes at the start, and 1,000 draws:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
z = torch.randn(1000, 32, generator=torch.Generator().manual_seed(0))
with torch.no_grad():
    own_z = scenes_vae.encode(test.image[:1])[0]  # (1, 32): where its own encoder puts it
    apart = (scenes_vae.decode(torch.cat([own_z, z])) - test.image[:1]).square().sum((1, 2, 3))  # (1001,)
share = (-apart[1:] / (2 * 0.2**2)).softmax(0)  # each draw's part of the sum: p(x|z), deviation 0.2
print(f"squared difference: by its own z {apart[0]:.1f}, by the best of 1,000 draws {apart[1:].min():.1f}")
print(f"the likeliest draw's share of the sum: {share.max():.3f}")

# %% [markdown]
# **How to read it.** One draw makes up the whole sum, and it is a bad one: nearly all $z$ have nothing to do with this picture, and its own was not among them. If we knew the **posterior** $p(z \mid x)$, which $z$ may stand behind it, we would look there alone. But by Bayes' rule that is $p(x \mid z)\,p(z)/p(x)$, with the evidence below the line again.
#
# ### A bound that can be had
#
# The **variational auto-encoder**, VAE (Kingma and Welling 2014), lets an encoder *guess* the posterior: it answers with a normal distribution $q(z \mid x) = N(\mu, \sigma^2)$, a cloud around a point. Whatever the cloud, there is a **lower bound** on the evidence, the **ELBO**:
#
# $$\log p(x) \ge \underbrace{\mathbb E_{q}\bigl[\log p(x \mid z)\bigr]}_{\text{does a point of the cloud give the picture?}} - \underbrace{\mathrm{KL}\bigl(q(z \mid x)\,\|\,N(0, I)\bigr)}_{\text{how far is the cloud from the noise?}}$$
#
# The **KL divergence** is the mean of $\log q(z \mid x) - \log p(z)$ over points of the cloud: 0 if both are the same, else larger, never negative. What is missing to equality is the divergence of $q$ from the true posterior; as it is not negative, the bound holds. So whoever maximises the bound over both networks trains the decoder and draws the cloud to the posterior.

# %%
figure = latent_figures.units_figure({"VAE of the scenes": latent_study.units(scenes_vae, test.image)},
                                     "Every latent number carries something")
plotting.show(figure, "KL divergence of each of 32 latent numbers, in the mean over 400 test pictures.")

# %% [markdown]
# **How to read it.** These are the divergences of the VAE that made the scenes at the start. All 32 numbers tell something: each costs between one nat and two and a half. (A **nat** is 1.44 bits.) The clouds lie apart far enough that a picture can be found again, at 26 dB, and with another picture's code it cannot.
#
# ### Where the noise comes in
#
# In training a point of the cloud has to be *drawn*. A VAE goes about it in two steps: draw $\varepsilon$ from $N(0, I)$, which depends on nothing, and set
#
# $$z = \mu + \sigma\,\varepsilon .$$

# %%
predict("15.7")

# %% [markdown]
# A drawn number has no derivative by the mean of what it was drawn from. Written like this, $z$ is an ordinary function of what the encoder says, and gradients pass. This is **reparameterisation**. And between two normal distributions the divergence has a **closed form**, for each latent number $\tfrac12(\mu^2 + \sigma^2 - 1 - \log \sigma^2)$.

# %% tags=["exercise:15.4"]
def draw_latent(mean: Tensor, log_var: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """A point of each picture's cloud, z (B, Z), and the cloud's distance from N(0, I), (B,) in nats.

    `mean` and `log_var` (B, Z) are the encoder's Gaussian: its mean and the logarithm of its variance. The
    point is made of `noise` (B, Z), drawn from N(0, I), so that gradients go to the mean and to the variance.
    The distance is the Kullback-Leibler divergence KL(N(mean, var) ‖ N(0, I)), summed over Z.
    """
    ...


draw_latent = check("15.4", draw_latent)

# %% [markdown]
# # solution: lecture_utils.chapters.ch15.solutions.draw_latent

# %% [markdown]
# Your function inside a VAE of digits, with *two* latent numbers, so that the whole latent space is a plane. The likelihood of a pixel is that of a coin which shows ink with the decoded probability (**Bernoulli**). A level of 5 is taken as ink in 5 of 16 coins, and the logarithms are averaged. That is common, but strictly no probability of the grey digit: do not compare these nats with PixelCNN's bits.

# %% tags=["system:S15.3", "nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.generative.elbo import bernoulli_log_likelihood
from lecture_utils.recipes import digits_vae
from lecture_utils.training.loop import minibatches


def negative_elbo(model, x: Tensor, _: Tensor) -> Tensor:
    """Minus the bound, in the mean over the batch, with your function."""
    mean, log_var = model.encode(x)
    z, kl = draw_latent(mean, log_var, torch.randn_like(mean))
    return (kl - bernoulli_log_likelihood(x, model.decoder.logits(z))).mean()


torch.manual_seed(0)
vae, (digit_images, labels) = digits_vae.build(), digits.load(8, "train")
vae, info = one_cycle(vae, minibatches(digit_images, digit_images, batch_size=64, seed=0), loss=negative_elbo,
                      optimizer=torch.optim.AdamW(vae.parameters(), 4e-3, weight_decay=0.0), steps=1000,
                      warm_up=0.1, label="VAE")
print(f"{info['seconds']:.0f} s, last loss {info['loss']:.1f} nats a digit")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
figure = latent_figures.plane_figure(vae, *digits.load(8, "test"), "A plane of digits")
plotting.show(figure, "Test digits as points of the plane, coloured by class; beside it the decoded plane.")

# %% [markdown]
# **How to read it.** Nobody told the network which digit is which. Still digits of a class lie together, most clearly 0, 6 and 2; in the middle they overlap, since two numbers are few. Decode the plane, and each place gives something like a digit, with mixtures between the classes. There are no holes: the divergence has drawn all clouds together around 0, as noise will fall.
#
# Walk over such a plane: that of the course's VAE, trained three times as long as yours.

# %%
from lecture_utils.chapters.ch15.widgets.latent_plane import latent_plane

present(latent_plane())

# %% [markdown]
# ### How good is the bound?
#
# The ELBO is a bound, and how far below the evidence it lies is not known. Draw *several* points of the cloud (Burda et al. 2016), and weigh each by $p(x, z)/q(z \mid x)$, where $p(x, z) = p(x \mid z)\,p(z)$: how much likelier it is under the model than under the cloud. The mean of these weights has the evidence itself as its expectation.

# %%
predict("15.8")

# %% [markdown]
# The logarithm of that mean is a bound again, and a closer one the more points are drawn. With one point it is the ELBO.

# %% tags=["exercise:15.5"]
def importance_log_likelihood(log_joint: Tensor, log_posterior: Tensor) -> Tensor:
    """Estimate log p(x) of each picture by K latent vectors from its encoder's cloud, (B,).

    For each vector z that was drawn from q(z|x), `log_joint` (K, B) is log p(x, z) and `log_posterior` (K, B)
    is log q(z|x). The evidence p(x) is the mean of p(x, z) / q(z|x) over such vectors.
    """
    ...


importance_log_likelihood = check("15.5", importance_log_likelihood)

# %% [markdown]
# # solution: lecture_utils.chapters.ch15.solutions.importance_log_likelihood

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
points = latent_study.by_samples(vae, digits.load(8, "test")[0], importance=importance_log_likelihood)
figure = latent_bound_figures.samples_bound_figure(points, points[1], "More draws, a closer bound")
plotting.show(figure, "Estimated log-likelihood of test digits over the number of draws, and the ELBO.")

# %% [markdown]
# **How to read it.** More points lift the estimate by about 0.3 nats, and it flattens: the encoder's cloud was a good guess. What is left between the curve's end and the evidence is not known, but from 64 draws to 256 it rises by less than 0.01. The ELBO was a bound, and not a bad one.
#
# ### From noise to scenes
#
# The same with 32 latent numbers and the scenes of before. The encoder and the decoder have the convolutions of the auto-encoder, and saw as many pictures. A pixel's likelihood is a normal distribution around what is decoded, with a standard deviation of 0.2.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
sheets = {"auto-encoder": _latent.decoded(autoencoder, noise), "VAE": _latent.decoded(scenes_vae, noise)}
plotting.show(sample_sheets(sheets, "The same noise, two decoders"),
              "What the decoders of the auto-encoder and the VAE make of the same 64 draws of noise.")

# %% [markdown]
# **How to read it.** The very same numbers went into both decoders. On the right nearly all give sky and ground, and most a lump of a thing; on the left there is hardly a horizon. But a shape is rare: a judge of shapes, sure of 96 % of real scenes, is sure of 7 % on the right and of 1 % on the left. Both networks have seen as many pictures; the VAE reconstructs hardly worse, 26.4 against 26.6 dB.
#
# Between two pictures lies a walk. In pixels it is a double exposure. In the latent space each step should be a scene:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
start_picture, end_picture = test.image[0], test.image[1]
walks = {"pixels": latent_study.pixel_mix(start_picture, end_picture),
         "auto-encoder": latent_study.walk(autoencoder, start_picture, end_picture),
         "VAE": latent_study.walk(scenes_vae, start_picture, end_picture)}
plotting.show(latent_figures.rows_figure(walks, "From one scene to another, in three spaces"),
              "Eight steps from one picture to another: mixed in pixels, in the code of each model.")

# %% [markdown]
# **How to read it.** Between two shapes, pixels give a double exposure: both outlines at once. In both codes the thing changes its shape and colour on the way, though the middle is neither the one nor the other. Nobody has ever seen a thing between a ring and a cross, and so there is no picture for it.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
order = latent_study.units(scenes_vae, test.image).kl.argsort(descending=True)[:4].tolist()
values = (-2.0, -1.0, 0.0, 1.0, 2.0)
made = latent_study.traversal(scenes_vae, test.image[0], order, values)
plotting.show(latent_figures.traversal_figure(made, [f"number {n}" for n in order], values,
                                              "One latent number turned, the others held"),
              "One picture with each of four latent numbers set to five values.")

# %% [markdown]
# **How to read it.** One number moves several things at once: ground and shape, light and hole. Nothing in the bound asks that a number should mean one thing to us. To find numbers that do, as in $\beta$-VAE, is a field of its own.
#
# ### How much should the noise cost?
#
# A weight $\beta$ before the divergence makes another balance (Higgins et al. 2017). With 1 it is the ELBO. With more it is a lower bound too, as the divergence is never negative, but a looser one. With less it need not be one.

# %%
predict("15.9")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
sweep = latent_study.by_beta((0.03, 0.3, 1.0, 3.0, 30.0), steps=300)
plotting.show(latent_bound_figures.beta_figure(sweep, "Faithful, or near the noise"),
              "Reconstruction, divergence and quality of samples of five VAEs over beta.")

# %% [markdown]
# **How to read it.** With a small weight the reconstructions are good and the clouds far from the noise, so decoded noise is poor. With 30 the divergence is 0, and nothing is told. The best samples of the five are at 1, where the loss is minus the ELBO. Whether the best weight is exactly there, five trainings with one seed cannot tell.
#
# ### Why so soft?

# %%
predict("15.10")

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.metrics.psnr import psnr

of_digits, test_digits = latent_study.shipped_latent("digits_vae"), digits.load(8, "test")[0]
made, near, mean = latent_study.unsure(of_digits, test_digits[2], train_digits)
parts = (made.detach(), near, mean)
plotting.show(latent_figures.blur_figure(parts, "What is decoded is near the mean of what is alike"),
              "A decoded digit, the eight training digits nearest to it in code, and their mean.")
alone = psnr(made[None].expand_as(near), near).mean()
print(f"decoded, and the mean of the eight: {psnr(made[None], mean[None]).item():.1f} dB; "
      f"decoded, and each of the eight: {alone:.1f} dB")

# %% [markdown]
# **How to read it.** Two numbers do not tell these eight apart, so one picture must do for all. It lies several decibels nearer to their *mean* than to any of them on average. Where they disagree, the error is least for the mean, and outlines dissolve. Blur is not a weakness of the network; it is the right answer to the question that was put.

# %% [markdown] tags=["slide"]
# ## 4 · Put together
#
# | | PixelCNN | auto-encoder | VAE |
# |---|---|---|---|
# | says how likely a picture is | exactly | no | a lower bound |
# | makes a new picture | one network call a pixel | no | one call |
# | has a code of few numbers | no | yes | yes, with a known distribution |
# | what looks wrong | the whole: strokes that do not join | everything, if plain noise is decoded | detail: all is soft |

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.recipes._judged import digit_fidelity

made = {"PixelCNN": as_pictures(fast_sample(pixelcnn, 300, seed=1)),
        "PixelRNN": as_pictures(fast_sample(pixelrnn, 300, seed=1)),
        "VAE, two numbers": latent_study.shipped_latent("digits_vae").sample(300, seed=1)}
scores = {name: digit_fidelity(images) for name, images in made.items()}
rows = [(name, f"{score['frechet_digits']:.2f}", f"{score['frechet_digits_real']:.2f}")
        for name, score in scores.items()]
show_table(rows, ["300 digits by", "Fréchet distance", "of other real digits"])

# %% [markdown]
# **How to read it.** Again by the features of the judge of digits: real digits are 0.2 away from other real digits. The networks that draw pixel by pixel are nearer than what is decoded from a plane, but four to six times as far as real ones.
#
# ### Where it goes wrong

# %%
blank, noise_levels = torch.zeros(300, 1, 8, 8, dtype=torch.long), torch.randint(0, 17, (300, 1, 8, 8))
kinds = {"test digits": test_levels, "the same, upside down": test_levels.flip(2), "empty paper": blank,
         "noise": noise_levels}
with torch.no_grad():
    rows = [(name, f"{bits_per_dim(pixelcnn(image), image).mean():.2f}") for name, image in kinds.items()]
show_table(rows, ["pictures", "bits per pixel by PixelCNN"])

# %% [markdown]
# **How to read it.** Upside down, digits cost more, and noise costs far more, twice what a blind guess would pay. But *empty paper*, which is no digit and occurs nowhere, is cheaper than nearly every digit. It surprises at a few places in the middle; everywhere else paper is likely, while each inked pixel is one of many levels.
#
# Likely does not mean typical: Nalisnick et al. (2019) found that models of one set of photographs hold another set likelier than their own. Whoever wants to find strange pictures by their likelihood should know this.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.data import photographs

odd = torch.cat([test.image[:2], captioned(2, split="test", materials=("striped",)).image,
                 torch.stack([photographs.load(name, size=32) for name in ("coffee", "cat")])])
figure = latent_figures.reconstructions_figure({"auto-encoder": autoencoder, "VAE": scenes_vae}, odd,
                                               "What was never seen is painted as what was")
plotting.show(figure, "Two scenes, two with stripes, two photographs, and what both models make of them.")

# %% [markdown]
# **How to read it.** Stripes are painted over with plain colour, a cup becomes a patch of red on a horizon, and a cat is hardly there. A code learned in one small world has words for that world alone. The VAE answers with something more like a scene than the auto-encoder does.

# %% [markdown] tags=["slide"]
# ## 5 · Claim, measured
#
# The rule was written down before the run, and each figure is of seeds 0, 1, 2, ….
#
# ### C15.1 · Noise decoded

# %% tags=["claim:C15.1"]
from lecture_utils.experiments import ledger
from lecture_utils.experiments.card import show_claim

show_claim("C15.1")

# %%
record = ledger.load("C15.1")
points = {8.0: record.figures} | {point["at"]: point["figures"] for point in record.boundary["points"]}
plotting.show(latent_bound_figures.noise_claim_figure(points, "Held to the noise, the decoder can use it"),
              "Distance and sure share of decoded noise: two models, two noises, 2, 8 and 32 numbers.")

# %% [markdown]
# **How to read it.** With 8 numbers, noise decoded by the VAE is nearer to real digits than by the auto-encoder for all five seeds: distances of 1.5 to 2.1 against 9.6 to 15. The judge is sure of about half, not of 8 to 20 %.
#
# But look at the dotted lines. Fit a Gaussian to the auto-encoder's codes *afterwards*, and its decoder does as well, even a little better (1.2 to 1.5). So with 8 numbers a VAE's merit is not a better decoder. It is that we know beforehand which noise to draw. With 32 it is both: from fitted noise the judge is sure of half against a third. With 2 the judge is as often sure of either, though the distances still differ. And all are far from real digits.

# %% [markdown] tags=["slide"]
# ## 6 · Paper and toy
#
# | System | In the paper | Here | What that changes |
# |---|---|---|---|
# | PixelCNN, PixelRNN | CIFAR-10 and ImageNet in colour, 256 levels; on CIFAR-10 12 and 15 layers, 128 channels | digits of 8 × 8, 17 levels, four blocks of 64 channels, a minute on one core | bits per dimension cannot be compared with the paper's (PixelCNN 3.14, Row LSTM 3.07 on CIFAR-10) |
# | Auto-encoder | full layers, trained one by one as Boltzmann machines, then together | convolutions, all at once | no pretraining is needed any more |
# | VAE | one hidden layer, MNIST and Frey faces | convolutions, digits and scenes | the same bound, larger networks |
#
# The paper's best, the Diagonal BiLSTM, which sees every earlier pixel (3.00), and its multi-scale variant are left out.

# %% [markdown] tags=["slide"]
# ## 7 · Break it
#
# **Mask B in the first layer.** The centre of the first kernel stays open. Nothing else is changed.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
def open_centre(kind: str, *sizes: int) -> Tensor:
    """Your mask, but the first layer too is of kind B."""
    return pixel_mask("B", *sizes)


torch.manual_seed(0)
cheat = PixelCNN(17, width=32, layers=3, size=5, mask=open_centre)
cheat, _ = one_cycle(cheat, level_batches(0), steps=150, warm_up=0.1, label="PixelCNN that sees the pixel",
                     loss=lambda model, image, _: bits_per_dim(model(image), image).mean(),
                     optimizer=torch.optim.AdamW(cheat.parameters(), 4e-3))
with torch.no_grad():
    cheat_bits = bits_per_dim(cheat.eval()(test_levels), test_levels).mean().item()
    drawn = sample_digits(cheat, 32, 8, torch.Generator().manual_seed(0)) / 16
plotting.show(sample_sheets({f"{cheat_bits:.2f} bits a pixel": drawn, "real": test_levels[:32] / 16},
                            "Nearly free, and nothing to see"),
              "Digits drawn by a network whose first layer sees the pixel itself, beside real ones.")

# %% [markdown]
# **How to read it.** The pixel itself comes through, and the network copies it: the loss is a triumph. When it has to draw, the pixel is not there yet, and what it copies is the zero with which we began. A loss far below what anybody else reaches is a reason to look for a leak, not to celebrate.
#
# **No reparameterisation.** The drawn $z$ is passed on as a number without a slope.

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
wrong = latent_study.broken("z detached", steps=400)
units = {name: said for name, (_, said) in wrong.items()}
figure = latent_figures.units_figure(units, "Without a slope, nothing is told")
plotting.show(figure, "KL divergence of each latent number, with reparameterisation and without.")
show_table([(name, f"{said.psnr:.1f}", f"{said.psnr_shuffled:.1f}") for name, said in units.items()],
           ["VAE", "PSNR, dB", "with another digit's code"])

# %% [markdown]
# **How to read it.** The reconstruction sends no gradient to the encoder, so only the divergence does. That is least where all clouds are the prior. The encoder tells nothing, the decoder paints the mean digit, 11.4 dB, and another digit's code does as well.
#
# **$\beta$ far too large.**

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
heavy = latent_study.broken("beta too large", steps=400)
show_table([(name, f"{said.kl.sum():.2f}", f"{said.psnr:.1f}", f"{said.psnr_shuffled:.1f}")
            for name, (_, said) in heavy.items()],
           ["VAE", "KL, nats", "PSNR, dB", "with another digit's code"])

# %% [markdown]
# **How to read it.** The same end by another way: to tell anything costs a hundred times what it brings. In both cases training raises no error. What gave it away were two measurements: the divergence, and a decoding from another picture's code.

# %% [markdown] tags=["slide"]
# ## 8 · Lab: a VAE from its bound
#
# ### Step 1: assemble
# Encoder and decoder are given; the pixels are black or white. The rest is yours: what is likely, the bound, a step, samples, and the evidence by many points. `draw_latent` and `importance_log_likelihood` are your functions. You need two more:
#
# - `F.binary_cross_entropy_with_logits(logits, x, reduction="none")` is minus the log-likelihood of each pixel;
# - `normal_log_density(z, mean, log_var)` gives the log density (…, B) of points z (…, B, Z) in a Gaussian.
#
# `step` returns a plain number.

# %% tags=["exercise:15.L1"]
from lecture_utils.generative.elbo import normal_log_density


class DigitVAE:
    """A VAE of black-and-white pictures x (B, 1, S, S), whose pixels are 0 or 1.

    `encoder(x)` gives (B, 2 Z): the means of each picture's cloud and the logarithms of its variances, side
    by side. `decoder(z)` gives logits (B, 1, S, S): a pixel is on with the probability sigmoid(logit). An
    Adam with a rate of 0.002 holds the weights of both.
    """

    def __init__(self, encoder, decoder) -> None: ...

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) of each picture, (B,) nats, summed over its pixels."""

    def elbo(self, x: Tensor, noise: Tensor) -> Tensor:
        """The bound of each picture, (B,) nats, by one point of its cloud, made of `noise` (B, Z)."""

    def step(self, x: Tensor, noise: Tensor) -> float:
        """Make one step that raises the mean bound; return the loss before it, minus the mean bound."""

    def sample(self, noise: Tensor) -> Tensor:
        """Decode draws (B, Z) from the prior: the probability that each pixel is on, (B, 1, S, S)."""

    def evidence(self, x: Tensor, noise: Tensor) -> Tensor:
        """log p(x) of each picture, (B,) nats, by K points of its cloud, made of `noise` (K, B, Z)."""


DigitVAE = check("15.L1", DigitVAE)

# %% [markdown]
# # solution: lecture_utils.chapters.ch15.lab_vae.DigitVAE

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.chapters.ch15 import lab_debug, lab_interpret, lab_vae

digit_vae = DigitVAE(*lab_vae.parts(0))  # yours
losses = [digit_vae.step(*batch) for batch in lab_vae.batches(0, lab_vae.STEPS)]
val = lab_vae.held_out()
evidence = digit_vae.evidence(val, torch.randn(64, len(val), lab_vae.LATENT)).mean()
print(f"loss {losses[0]:.1f} -> {sum(losses[-50:]) / 50:.1f} nats a digit")
print(f"bound on validation digits: {lab_vae.bound(digit_vae):.1f} (wanted: {lab_vae.BAR} or more)")
print(f"by 64 points a digit: {evidence:.1f}; pixel by pixel, without z: {lab_vae.blind():.1f}")

# %% [markdown]
# **How to read it.** If each pixel is guessed by itself, with no z behind it, a digit costs about 25 nats. Eight latent numbers save seven of them; the bound lies less than a nat below what 64 points say.
#
# ### Step 2: debug
#
# A colleague has trained the same networks. To help them over the start, the weight of the divergence rises from 0 to 1 in the first 300 steps. Her loss fell from the first step to the last, and no error was raised. This is what she makes small:

# %% tags=["show"]
# show: lecture_utils.chapters.ch15.lab_debug.training_loss_faulty

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
theirs = lab_debug.trained(training_loss_faulty)
found = lab_debug.symptoms(theirs)
print(f"loss {theirs.losses[0]:.2f} -> {theirs.losses[-1]:.2f}; numbers that tell something: {found.active}")
print(f"log-likelihood by its own z: {found.log_likelihood:.1f}, by another's: {found.exchanged:.1f}")
print("divergence after so many steps:", {step: round(cost, 2) for step, cost in theirs.cost[::3]})

# %% [markdown]
# A digit is decoded from another's code as well as from its own. So the codes say nothing: this is **posterior collapse**. It was there after a hundred steps and stayed. Two faults in the loss push towards it, one from the start, one later. Find both.

# %% tags=["exercise:15.L2"]
def training_loss(logits: Tensor, x: Tensor, kl: Tensor, step: int, most: float = 1.0) -> Tensor:
    """What a step makes small: minus the bound in the mean over the batch, a scalar.

    `logits` and `x` (B, 1, S, S) are what was decoded and the pictures, `kl` (B,) their clouds' divergences.
    In the first 300 steps the weight of the divergence rises in a straight line from 0 to `most`, and there
    it stays.
    """
    ...


training_loss = check("15.L2", training_loss)

# %% [markdown]
# # solution: lecture_utils.chapters.ch15.lab_debug.training_loss

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
models = lab_interpret.by_beta(training_loss)
mended = lab_debug.symptoms(models[1.0])
show_table([(name, f"{a:.1f}", f"{b:.1f}") for name, a, b in
            (("active numbers", found.active, mended.active), ("from its own z", found.log_likelihood,
             mended.log_likelihood), ("from another's", found.exchanged, mended.exchanged),
             ("bound", found.elbo, mended.elbo))], ["validation digits, nats", "hers", "mended"])

# %% [markdown]
# ### Step 3: interpret
#
# The last cell trained five models: the weight rose to 0.1, 0.3, 1, 3 and 10. Here they are on validation digits, all measured with a weight of 1:

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
measured = lab_interpret.table(models)
show_table([(beta, own.active, f"{own.log_likelihood:.1f}", f"{own.exchanged:.1f}", f"{sum(own.kl):.1f}",
             f"{own.elbo:.1f}") for beta, own in measured.items()],
           ["β", "active", "from its own z", "from another's", "latent numbers cost", "own z minus cost"])

# %% [markdown]
# Which is the best model of digits, and by which reason? All four reasons are true.
#
# - **A** The one with β = 0.1: it decodes new digits best.
# - **B** The one with β = 1: below it the latent numbers cost too much, above it they tell too little.
# - **C** The one with β = 10: its clouds lie where samples are drawn from.
# - **D** That cannot be said: each β has another loss, and losses of different kinds cannot be compared.
#
# 1. The log-likelihood of a picture, given its own z, falls with each larger β.
# 2. What the latent numbers cost falls with each larger β, to about nothing.
# 3. The log-likelihood minus what the latent numbers cost is largest in the middle row.
# 4. The smaller β is, the more is lost where a picture is decoded from another one's z.

# %% tags=["exercise:15.L3"]
# A letter and a number, such as ("A", "1")
reading = None

reading = check("15.L3", reading)

# %% [markdown]
# <details><summary><b>Solution</b></summary>
#
# `("B", "3")`. A model of digits is good if it finds new digits likely, and the last column is a bound of that, the same for all five. Decoding from one's own code is half of it: that code has to be paid for. The choice was made on validation digits; on the test digits, by which nothing was chosen, the order should be the same.
#
# </details>

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
tested = lab_interpret.table(models, "test")
print("own z minus cost, on test digits:", {beta: round(own.elbo, 1) for beta, own in tested.items()})

# %% [markdown] tags=["slide"]
# ## 9 · With real weights
#
# All distances so far were measured in features of networks that have seen nothing but toys. EfficientNet-Lite0 has seen a million photographs, and comes with the course. Does it judge the scenes alike?

# %% tags=["nbval-ignore-output", "why:last-digits-differ-between-processors"]
from lecture_utils.recipes._judged import fidelity

made = {"auto-encoder, N(0, I)": _latent.decoded(autoencoder, _latent.standard_noise(300, 32, 1)),
        "VAE, N(0, I)": scenes_vae.sample(300, seed=1),
        "VAE, reconstructions": _latent.reconstructed(scenes_vae, test.image[:300]),
        "real, of another seed": captioned(300, seed=7, split="test").image}
scores = {name: fidelity(images, n=300) for name, images in made.items()}
rows = [(name, f"{score['frechet_course']:.1f}", f"{score['frechet_imagenet']:.0f}")
        for name, score in scores.items()]
show_table(rows, ["300 scenes", "distance, course's features", "distance, ImageNet features"])

# %% [markdown]
# **How to read it.** Units differ, the order does not: noise through the auto-encoder is farthest, then noise through the VAE, then reconstructions, and other real pictures are nearest by far. Even the proportions of the first three are much alike. What each of the two sees, and what it overlooks, is a question for part b.

# %%
progress("15")

# %% [markdown]
# ## 10 · Summary
#
# 1. By the chain rule any distribution over pictures is a product of choices between levels. A masked network gives all factors at once; drawing needs a call for each number.
# 2. Bits per dimension say how well a model knows pictures, and compare only models of the same numbers. A low figure does not mean "looks like the training set": empty paper is cheapest of all.
# 3. An auto-encoder finds short codes, and does not say where they lie. Noise decoded gives no pictures; noise fitted to the codes gives much better ones.
# 4. A VAE is trained on a bound of the likelihood. The divergence holds its clouds to the noise that will be decoded; the noise is drawn outside so that gradients pass.
# 5. Whatever the code does not tell is painted as the mean of what is possible, and looks soft. If the code tells nothing, the posterior has collapsed, and no error says so.
#
# ### Further exercises
#
# 1. Train `GatedPixelCNN` on colour scenes of 16 × 16 with 8 levels. How do the bits fall on red, green and blue?
# 2. Give the VAE's decoder an output for its own deviation. What happens to the balance of both terms?
# 3. Draw from the *aggregated* posterior: encode training pictures, draw a point of each cloud, fit a mixture of Gaussians. How much of the distance to real digits goes away?
#
# ### References
#
# - P. Baldi, K. Hornik, "Neural networks and principal component analysis: learning from examples without local minima", Neural Networks 1989.
# - Y. Burda, R. Grosse, R. Salakhutdinov, "Importance weighted autoencoders", ICLR 2016. [arXiv:1509.00519](https://arxiv.org/abs/1509.00519)
# - I. Higgins et al., "beta-VAE: learning basic visual concepts with a constrained variational framework", ICLR 2017.
# - G. Hinton, R. Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science 2006.
# - D. Kingma, M. Welling, "Auto-encoding variational Bayes", ICLR 2014. [arXiv:1312.6114](https://arxiv.org/abs/1312.6114)
# - E. Nalisnick et al., "Do deep generative models know what they don't know?", ICLR 2019. [arXiv:1810.09136](https://arxiv.org/abs/1810.09136)
# - A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, "Pixel recurrent neural networks", ICML 2016. [arXiv:1601.06759](https://arxiv.org/abs/1601.06759)
# - A. van den Oord et al., "Conditional image generation with PixelCNN decoders", NeurIPS 2016 (2016b). [arXiv:1606.05328](https://arxiv.org/abs/1606.05328)
#
# ### What comes next
#
# Part b: what if nobody writes down a likelihood, and a second network judges instead?
