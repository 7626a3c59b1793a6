"""Tracking: probabilities and loss as the paper has them, identities through occlusion, the memory."""

import math

import pytest
import torch

from lecture_utils.data import toyworld
from lecture_utils.segmentation import tracking
from lecture_utils.segmentation.tracking import (
    NEW,
    Tracker,
    TrackHead,
    assign,
    match_logits,
    match_loss,
    match_targets,
)
from tests.mutants import planted

pytestmark = pytest.mark.system("S09.7")
BOX = torch.tensor([[10.0, 10.0, 20.0, 20.0]])


def found_in(sample):
    """Of each frame of each clip: boxes, labels and identities, in another order each time."""
    made = torch.Generator().manual_seed(0)
    clips = []
    for v in range(len(sample.instance)):
        frames = []
        for t in range(sample.instance.shape[1]):
            boxes, labels, _, identities = sample.targets(v, t, least_seen=0.25)
            order = torch.randperm(len(boxes), generator=made)
            frames.append((boxes[order], labels[order], identities[order]))
        clips.append(frames)
    return clips


def follow(clips, remember=None, alike=4.0, noise=0.3, module=tracking):
    """Count switches where all is found: how often an object's number is not that of when it was last seen.

    Embeddings tell objects apart, or not (`alike` 0), and are noisy.
    """
    made = torch.Generator().manual_seed(0)
    switches = 0
    for frames in clips:
        own = alike * torch.nn.functional.normalize(torch.randn(4, 16, generator=made), dim=1)
        tracker, last = module.Tracker(remember=remember), {}
        for boxes, labels, identities in frames:
            seen = own[identities - 1] + noise * torch.randn(len(boxes), 16, generator=made)
            names = tracker.step(seen, boxes, labels, torch.full((len(boxes),), 0.9))
            assert len(names.unique()) == len(names)
            now = dict(zip(identities.tolist(), names.tolist(), strict=True))
            switches += sum(last.get(who, name) != name for who, name in now.items())
            last |= now
    return switches


@pytest.fixture(scope="module")
def clips():
    scenes = toyworld.sample_clips(16, 20, seed=5, split="val")
    return found_in(toyworld.render_clips(scenes, only=("instance", "class_id", "boxes", "visibility")))


@pytest.fixture(scope="module")
def twins():
    """The same with squares alone: the class says nothing."""
    objects = toyworld.Objects(count=3, classes=["square"], size=(0.36, 0.52), distance=(2.6, 5.0))
    scenes = toyworld.sample_clips(12, 20, seed=6, objects=objects)
    return found_in(toyworld.render_clips(scenes, only=("instance", "class_id", "boxes", "visibility")))


def test_probabilities_are_the_paper_s():
    made = torch.Generator().manual_seed(0)
    now, earlier = torch.randn(3, 5, generator=made), torch.randn(2, 5, generator=made)
    got = match_logits(now, earlier).softmax(1)
    for i in range(3):
        weights = [math.exp(float(now[i] @ earlier[n])) for n in range(2)]
        want = [1 / (1 + sum(weights)), *(w / (1 + sum(weights)) for w in weights)]
        torch.testing.assert_close(got[i], torch.tensor(want))
    assert match_logits(now, earlier[:0]).softmax(1).tolist() == [[1.0]] * 3


def test_the_loss_is_minus_the_logarithm_of_the_right_probability():
    made = torch.Generator().manual_seed(1)
    now, earlier = torch.randn(3, 4, generator=made), torch.randn(2, 4, generator=made)
    targets = match_targets(torch.tensor([7, 9, 3]), torch.tensor([3, 7]))
    assert targets.tolist() == [2, NEW, 1]
    assert match_targets(torch.tensor([7, 9]), torch.tensor([], dtype=torch.int64)).tolist() == [NEW, NEW]
    p = match_logits(now, earlier).softmax(1)
    want = -sum(math.log(p[i, j]) for i, j in enumerate((2, 0, 1))) / 3
    lists = [match_logits(now[:2], earlier), match_logits(now[2:], earlier)]
    assert float(match_loss(lists, [targets[:2], targets[2:]])) == pytest.approx(want, rel=1e-5)
    assert float(match_loss([lists[0][:0]], [targets[:0]])) == 0


def test_the_head_learns_who_is_who():
    torch.manual_seed(0)
    objects = torch.randn(6, 3, 2, 2)
    head = TrackHead(12, hidden=16)
    optimizer = torch.optim.Adam(head.parameters(), 1e-2)
    for _ in range(150):
        now, earlier = (objects[:5] + 0.1 * torch.randn(2, 5, 3, 2, 2)).unbind()
        logits = match_logits(head(now), head(earlier[:4]))
        loss = match_loss([logits], [match_targets(torch.arange(5), torch.arange(4))])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.05
    assert match_logits(head(objects[:5]), head(objects[:4])).argmax(1).tolist() == [1, 2, 3, 4, NEW]


def test_pairs_are_taken_best_first_and_an_object_once():
    scores = torch.tensor([[0.0, 5.0, 1.0], [0.0, 6.0, 3.0], [2.0, 5.5, -9.0]])
    assert assign(scores).tolist() == [2, 1, NEW]
    assert assign(torch.tensor([[0.0, 5.0, 1.0], [0.0, 6.0, 3.0]])).tolist() == [2, 1]
    assert assign(torch.zeros(3, 1)).tolist() == [NEW] * 3
    assert assign(torch.zeros(0, 4)).tolist() == []


def test_the_score_adds_detection_overlap_and_class():
    tracker = Tracker()
    what = torch.tensor([[2.0, 0.0]])
    tracker.step(what, BOX, torch.tensor([3]), torch.tensor([0.8]))
    moved = BOX + torch.tensor([5.0, 0.0, 5.0, 0.0])  # IoU 1 / 3
    labels = torch.tensor([3])
    got = tracker.scores(torch.tensor([[1.5, 0.0]]), moved, labels, torch.tensor([0.5]))
    z = math.log(1 + math.exp(3))
    want = [-z + math.log(0.5) + 10, 3 - z + math.log(0.5) + 2 / 3 + 10]
    torch.testing.assert_close(got, torch.tensor([want]))
    other = tracker.scores(torch.tensor([[1.5, 0.0]]), moved, labels + 1, torch.tensor([0.5]))
    torch.testing.assert_close(other - got, torch.tensor([[0.0, -10.0]]))


def test_identities_stay_through_occlusion(clips, twins):
    assert follow(clips) == follow(twins) == 0
    counts = [follow(clips, remember=n) for n in (0, 3, 8)]  # 0: without re-identification
    assert counts[0] > counts[1] > counts[2] and counts[0] >= 10, counts


def test_boxes_alone_do_not_bring_objects_back(twins):
    """Without embeddings, what crosses is mixed up."""
    assert follow(twins, alike=0.0, noise=0.0) >= 3


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("torch.cat([self.boxes, boxes])", "torch.cat([self.boxes, 0 * boxes])"),
        ("self.identities[chosen[~new] - 1]", "self.identities[chosen[~new] - 2]"),
        ("missed <= self.remember", "missed <= 0"),
        ("~torch.isin(self.identities, identities)", "torch.isin(self.identities, identities)"),
        ("torch.cat([self.embeddings, embeddings])", "torch.cat([self.embeddings, -embeddings])"),
        ("self.count + 1 +", "0 * self.count + 1 +"),
        ("if column != NEW:", "if column == NEW:"),
        ("argsort(descending=True", "argsort(descending=False"),
    ],
)
def test_wrong_trackers_lose_track(right, wrong, clips, twins):
    broken = planted("lecture_utils.segmentation.tracking", (right, wrong))
    try:
        switches = follow(clips[:10], remember=30, module=broken) + follow(twins[:6], module=broken)
        blind = follow(twins, alike=0.0, noise=0.0, module=broken)
    except (AssertionError, IndexError):
        return
    assert switches > 0 or blind > 10


def test_what_is_forgotten_is_new():
    what, label, sure = torch.ones(1, 4), torch.tensor([2]), torch.tensor([0.9])
    none = (torch.zeros(0, 4), torch.zeros(0, 4), label[:0], sure[:0])
    for remember, missed, back in ((0, 0, 1), (0, 1, 2), (2, 2, 1), (2, 3, 2), (None, 50, 1)):
        tracker = Tracker(remember=remember)
        assert tracker.step(what, BOX, label, sure).tolist() == [1]
        for _ in range(missed):
            assert tracker.step(*none).tolist() == []
        assert tracker.step(what, BOX, label, sure).tolist() == [back], (remember, missed)


def test_what_does_not_fit_is_refused():
    tracker = Tracker()
    what, label, sure = torch.ones(1, 4), torch.tensor([2]), torch.tensor([0.9])
    tracker.step(what, BOX, label, sure)
    for bad, message in [
        (lambda: TrackHead(0, hidden=4), "inputs 0"),
        (lambda: TrackHead(8, hidden=4)(torch.ones(2, 3, 2, 2)), "want 8 numbers"),
        (lambda: Tracker(remember=-1), "remember"),
        (lambda: Tracker(coefficients=(1.0, 2.0)), "coefficients"),
        (lambda: tracker.step(what[:, :3], BOX, label, sure), "earlier"),
        (lambda: tracker.step(what * math.nan, BOX, label, sure), "embeddings"),
        (lambda: tracker.step(what, BOX[:0], label, sure), "boxes"),
        (lambda: tracker.step(what, BOX, label - 3, sure), "labels"),
        (lambda: tracker.step(what, BOX, label, sure + 1), "scores"),
        (lambda: match_logits(what, what[0]), "earlier"),
        (lambda: match_loss([what], [torch.tensor([4])]), "targets"),
        (lambda: match_loss([what], []), "two lists"),
        (lambda: assign(what * math.inf), "scores"),
    ]:
        with pytest.raises(ValueError, match=message):
            bad()
