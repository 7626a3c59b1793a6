"""Image to speech: k-means against scikit-learn, runs and distances against loops, what is told is taught."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.cluster import KMeans

from lecture_utils.multimodal import image_to_speech as i2s
from lecture_utils.multimodal import speech_units as su
from tests.mutants import planted

pytestmark = pytest.mark.system("S13.7")

MODULE = "lecture_utils.multimodal.speech_units"


def clouds(seed=0):
    made = torch.Generator().manual_seed(seed)
    centres = 8 * torch.rand(5, 3, generator=made)
    return torch.cat([c + 0.9 * torch.randn(40, 3, generator=made) for c in centres])


def off_lloyd(module=su):
    """Distance from scikit-learn's Lloyd rounds, from the same first centres."""
    x = clouds()
    worst = 0.0
    for seed in range(3):
        first = module.k_means(x, 5, seed=seed, rounds=0)
        with np.errstate(all="ignore"):
            theirs = KMeans(5, init=first.numpy(), n_init=1, max_iter=4, tol=0, algorithm="lloyd").fit(
                x.numpy()
            )
        ours = module.k_means(x, 5, seed=seed, rounds=4)
        cost = torch.cdist(ours, x).amin(0).square().sum().item()
        worst = max(worst, abs(cost / theirs.inertia_ - 1))
    return worst


@pytest.mark.filterwarnings("ignore")
def test_k_means_is_lloyds_as_in_scikit_learn():
    assert off_lloyd() < 1e-4


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "fault",
    [
        ("total / size.clamp_min(1), centres)", "0.9 * total / size.clamp_min(1), centres)"),
        ("for _ in range(rounds):", "for _ in range(rounds // 4):"),
        ("centres[None])[0].argmin(1)  # (N,)", "centres[None])[0].argmax(1)"),
    ],
)  # fmt: skip
def test_other_rounds_are_not(fault):
    assert off_lloyd(planted(MODULE, fault)) > 1e-3


def test_first_centres_are_points_and_far_apart():
    x = clouds()
    x[:160] = 0.05 * x[:160]  # four of the five clouds near one another
    first = su.k_means(x, 5, rounds=0)
    assert torch.cdist(first[None], x[None])[0].amin(1).max() < 1e-3
    ours, chance = [], []
    for seed in range(20):
        ours.append(torch.cdist(su.k_means(x, 5, seed=seed, rounds=0), x).amin(0).square().sum())
        some = x[torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[:5]]
        chance.append(torch.cdist(some, x).amin(0).square().sum())
    assert torch.stack(ours).mean() < torch.stack(chance).mean()


def test_runs_are_those_of_itertools():
    ids = torch.randint(0, 3, (60,), generator=torch.Generator().manual_seed(0))
    values, lengths = su.runs(ids)
    want = [(k, len(list(g))) for k, g in itertools.groupby(ids.tolist())]
    assert list(zip(values.tolist(), lengths.tolist(), strict=True)) == want


def distance(a, b):
    """Edit distance by recursion."""
    if not a or not b:
        return len(a) + len(b)
    return min(distance(a[1:], b) + 1, distance(a, b[1:]) + 1, distance(a[1:], b[1:]) + (a[0] != b[0]))


def test_unit_error_is_the_edit_distance():
    made = torch.Generator().manual_seed(1)
    for _ in range(20):
        a, b = (
            torch.randint(0, 3, (int(torch.randint(1, 6, (), generator=made)),), generator=made) for _ in "ab"
        )
        assert su.unit_error(a, b) == distance(a.tolist(), b.tolist()) / len(b)


def taught_units():
    units = su.Units(3, 4)
    units.spectra.copy_(torch.tensor([[0.0, 0, 0, 0], [5, 0, 0, 0], [0, 5, 0, 0]]))
    return units


def test_units_come_back_and_last_as_long_as_they_did():
    units = su.Units(3, 4)
    steps = torch.tensor([0, 0, 1, 1, 1, 2, 2, 2, 2, 0, 0])
    mel = taught_units().spectra[steps].T
    units.learn([mel, mel])
    assert torch.cdist(units.spectra, taught_units().spectra).amin(1).max() < 1e-5
    code = units.encode(mel)
    assert len(code) == 4 and code[0] == code[3]
    torch.testing.assert_close(units.decode(code), mel)
    batch = units.batch([code, code[:2]])
    assert batch.shape == (2, 6) and batch[:, 0].tolist() == [units.start] * 2
    assert batch[1, 3:].tolist() == [units.end] * 3


def captioner(seed=0):
    torch.manual_seed(seed)
    return i2s.ImageToUnits(6, taught_units(), width=16)


def test_the_loss_counts_each_unit_and_one_end():
    made = torch.Generator().manual_seed(0)
    scores = torch.randn(2, 4, 4, generator=made)
    ids = torch.tensor([[4, 0, 2, 1, 3], [4, 1, 3, 3, 3]])
    total = sum(
        -scores[b, n].log_softmax(0)[ids[b, n + 1]].item()
        for b, last in ((0, 4), (1, 2))
        for n in range(last)
    )
    assert i2s.unit_loss(scores, ids, 3).item() == pytest.approx(total / 6, rel=1e-5)


def test_what_comes_after_does_not_change_what_was_scored():
    model, made = captioner().eval(), torch.Generator().manual_seed(0)
    features = torch.randn(2, 6, 3, 3, generator=made)
    ids = torch.tensor([[4, 0, 2, 1, 0], [4, 1, 0, 2, 1]])
    changed = ids.clone()
    changed[:, 3] = 2 - changed[:, 3]
    before, after = model(features, ids), model(features, changed)
    torch.testing.assert_close(before[:, :3], after[:, :3])
    assert (before[:, 3] - after[:, 3]).abs().max() > 1e-4


def test_it_learns_to_tell_pictures_apart_and_tells_what_it_would_score_best():
    model = captioner()
    features = torch.randn(3, 6, 3, 3, generator=torch.Generator().manual_seed(3))
    said = [torch.tensor(s) for s in ([0, 1, 2, 0], [2, 1], [1, 0, 1, 2, 1, 0])]
    ids = model.units.batch(said)
    optimizer = torch.optim.Adam(model.parameters(), 2e-2)
    for _ in range(120):
        loss = i2s.unit_loss(model(features, ids), ids, model.units.end)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    told, attention = model.eval().tell(features)
    assert [t.tolist() for t in told] == [s.tolist() for s in said]
    torch.testing.assert_close(attention.sum(-1), torch.ones(attention.shape[:2]))
    best = model(features, ids).argmax(-1)
    assert [row[: len(s)].tolist() for row, s in zip(best, said, strict=True)] == [s.tolist() for s in said]
    alone, _ = model.tell(features[1:2])
    assert alone[0].tolist() == said[1].tolist()
    assert [len(t) for t in model.tell(features, most=1)[0]] == [1, 1, 1]


def test_attention_is_that_of_a_loop():
    model = captioner().eval()
    features = torch.randn(1, 6, 2, 2, generator=torch.Generator().manual_seed(1))
    places, state = model.places(features)
    _, _, weight = model.step(places, state, torch.tensor([4]))
    query = model.ask(state)[0]
    score = torch.stack([features[0, :, r, c] @ query / 6**0.5 for r in range(2) for c in range(2)])
    torch.testing.assert_close(weight[0], score.softmax(0))


def test_the_recogniser_hears_a_word_wherever_it_is():
    torch.manual_seed(0)
    net = i2s.WordRecogniser(8, 3, width=12)
    made = torch.Generator().manual_seed(0)
    words = torch.randint(0, 3, (64,), generator=made)
    mel = torch.full((64, 8, 24), -7.0)
    at = torch.randint(2, 18, (64,), generator=made)
    for i in range(64):
        mel[i, 2 * words[i] : 2 * words[i] + 2, at[i] : at[i] + 4] = -1.0
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(60):
        loss = F.cross_entropy(net(mel), words)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    assert (net(mel).argmax(1) == words).float().mean() == 1
    assert (net(mel.roll(4, dims=2)).argmax(1) == words).float().mean() > 0.9


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: su.Units(1, 4), "count: got 1"),
        (lambda: su.Units(3, 4).learn([]), "mels: got none"),
        (lambda: su.Units(3, 4).nearest(torch.rand(5, 9)), "mel: got"),
        (lambda: su.Units(3, 4).decode(torch.tensor([3])), "units: got numbers"),
        (lambda: su.Units(3, 4).batch([]), "sequences: got none"),
        (lambda: su.k_means(torch.rand(3, 2), 4), "x: got 3 points"),
        (lambda: su.runs(torch.rand(4)), "ids: got"),
        (lambda: captioner()(torch.rand(2, 5, 3, 3), torch.zeros(2, 3).long()), "features: got"),
        (lambda: captioner()(torch.rand(2, 6, 3, 3), torch.full((2, 3), 9)), "units: got numbers"),
        (lambda: captioner()(torch.rand(2, 6, 3, 3), torch.zeros(3, 3).long()), "units: got"),
        (lambda: captioner().tell(torch.rand(2, 6, 3, 3), 0), "most: got 0"),
        (lambda: i2s.unit_loss(torch.rand(2, 3, 4), torch.zeros(2, 4).long(), 2), "end: got 2"),
        (lambda: su.unit_error(torch.tensor([1]), torch.tensor([], dtype=torch.int64)), "wanted: got"),
        (lambda: i2s.WordRecogniser(8, 3)(torch.rand(2, 9, 20)), "mel: got"),
    ],
)
def test_bad_input_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
