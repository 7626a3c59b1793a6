"""X-InstructBLIP: tokens of sounds and points, and senses that speak to one frozen language model."""

import pytest
import torch
from torch import Tensor, nn

from lecture_utils.multimodal.blip2.qformer import QFormer
from lecture_utils.multimodal.language_model import LanguageModel
from lecture_utils.multimodal.x_instruct_blip import point_tokens
from lecture_utils.multimodal.x_instruct_blip.point_tokens import PointTokens, farthest_points, nearest, rows
from lecture_utils.multimodal.x_instruct_blip.sound_tokens import SoundTokens
from lecture_utils.multimodal.x_instruct_blip.x_instruct_blip import XInstructBLIP
from tests.mutants import planted

pytestmark = pytest.mark.system("S14.6")
V, D = 11, 8


def former(features: int) -> QFormer:
    return QFormer(V, dim=8, features=features, heads=2, layers=2, queries=3, length=6)


def speaking(cues: dict[str, Tensor] | None = None) -> XInstructBLIP:
    torch.manual_seed(0)
    lm = LanguageModel(V, dim=D, heads=2, layers=2, length=30)
    model = XInstructBLIP(lm, {"sound": former(5), "points": former(7)}, cues)
    with torch.no_grad():
        for value in model.parameters():
            value.normal_(std=0.3)
        for value in model.lm.parameters():
            value.normal_(std=0.3)
    return model.eval()


IDS = torch.tensor([[1, 2, 3], [4, 5, 6]])
GIVEN = {"sound": torch.randn(2, 4, 5), "points": torch.randn(2, 6, 7)}


def test_farthest_points_are_those_of_a_search_by_hand() -> None:
    torch.manual_seed(1)
    cloud = torch.randn(1, 40, 3, dtype=torch.float64)
    got = farthest_points(cloud, 9)[0].tolist()
    want = [0]
    for _ in range(8):
        apart = [min(float((p - cloud[0, j]).norm()) for j in want) for p in cloud[0]]
        want.append(max(range(40), key=apart.__getitem__))
    assert got == want and len(set(got)) == 9


def test_nearest_is_that_of_scikit_learn() -> None:
    neighbors = pytest.importorskip("sklearn.neighbors")
    torch.manual_seed(2)
    cloud = torch.randn(3, 50, 3, dtype=torch.float64)
    centre = rows(cloud, farthest_points(cloud, 6))
    got = nearest(centre, cloud, 7)
    for i in range(3):
        tree = neighbors.NearestNeighbors(n_neighbors=7).fit(cloud[i].numpy())
        assert got[i].tolist() == tree.kneighbors(centre[i].numpy(), return_distance=False).tolist()


def test_point_tokens_know_no_order_of_points_and_move_with_the_cloud() -> None:
    torch.manual_seed(3)
    tokens = PointTokens(12, centres=5, neighbours=4, hidden=8, layers=1).eval()
    cloud = torch.randn(2, 30, 3)
    order = torch.cat([torch.zeros(1, dtype=torch.long), 1 + torch.randperm(29)])  # the first centre stays
    torch.testing.assert_close(tokens(cloud[:, order]), tokens(cloud))
    assert tokens(cloud).shape == (2, 5, 12)
    with torch.no_grad():
        tokens.where[2].weight.zero_()  # without where the centre lies, a moved cloud is the same
        moved = cloud + torch.tensor([1.0, 2.0, 3.0])
        torch.testing.assert_close(tokens(moved), tokens(cloud), atol=1e-4, rtol=1e-4)


def test_sound_tokens_hang_on_their_own_stretch_of_time() -> None:
    torch.manual_seed(4)
    ear = SoundTokens(16, 32, 10, widths=(4, 6)).eval()
    mel = torch.randn(1, 1, 16, 32, requires_grad=True)
    out = ear(mel)
    assert out.shape == (1, 16, 10)
    (out[0, 8] * torch.randn(10)).sum().backward()
    assert mel.grad is not None
    heard = mel.grad[0, 0].abs().sum(dim=0) > 0  # frames
    assert heard[14:19].all() and not heard[:12].any() and not heard[21:].any()


def test_one_sense_alone_is_its_instruct_blip() -> None:
    model = speaking()
    alone = model.sense("sound")
    torch.testing.assert_close(model({"sound": GIVEN["sound"]}, IDS, IDS), alone(GIVEN["sound"], IDS, IDS))


def test_both_senses_are_read_in_the_order_given_each_after_its_cue() -> None:
    cues = {"sound": torch.tensor([7, 8]), "points": torch.tensor([9])}
    model = speaking(cues)
    prompt = model.soft_prompt(GIVEN, IDS)
    assert prompt.shape == (2, 2 + 3 + 1 + 3, D)
    by_hand = torch.cat(
        [
            model.lm.token(torch.tensor([[7, 8]] * 2)),
            model.sense("sound").projection(model.sense("sound").qformer(GIVEN["sound"], IDS, "matching")),
            model.lm.token(torch.tensor([[9]] * 2)),
            model.sense("points").projection(model.sense("points").qformer(GIVEN["points"], IDS, "matching")),
        ],
        dim=1,
    )
    torch.testing.assert_close(prompt, by_hand)
    other = model.soft_prompt({"points": GIVEN["points"], "sound": GIVEN["sound"]}, IDS)
    torch.testing.assert_close(other, torch.cat([by_hand[:, 5:], by_hand[:, :5]], dim=1))


@pytest.mark.parametrize(
    "fault",
    [
        ("cue.expand(len(queries), -1, -1))", "0 * cue.expand(len(queries), -1, -1))"),
        ("parts.append(queries)", "parts.insert(0, queries)"),
        (".soft_prompt(features, instruction)", ".soft_prompt(features)"),
    ],
)
def test_faults_are_seen(fault: tuple[str, str]) -> None:
    cues = {"sound": torch.tensor([7, 8]), "points": torch.tensor([9])}
    right = speaking(cues)
    wrong = planted("lecture_utils.multimodal.x_instruct_blip.x_instruct_blip", fault).XInstructBLIP
    other = wrong(right.lm, {name: right.sense(name).qformer for name in GIVEN}, cues)
    for name in GIVEN:
        other.sense(name).projection = right.sense(name).projection
    assert not torch.allclose(other(GIVEN, IDS, IDS), right(GIVEN, IDS, IDS), atol=1e-3)


def test_a_fault_in_the_farthest_points_is_seen() -> None:
    cloud = torch.randn(1, 40, 3)
    copy = planted(point_tokens.__name__, ("torch.minimum(gap, ", "torch.maximum(0 * gap.clamp(max=1), "))
    assert copy.farthest_points(cloud, 9).tolist() != farthest_points(cloud, 9).tolist()


def test_only_the_qformers_and_projections_are_trained_and_each_by_its_own_sense() -> None:
    model = speaking()
    names = {name.split(".")[2] for name, _ in model.named_parameters()}
    assert names == {"qformer", "projection"}
    model.train()({"sound": GIVEN["sound"]}, IDS, IDS).sum().backward()
    touched = {n.split(".")[1] for n, p in model.named_parameters() if p.grad is not None}
    assert touched == {"sound"} and all(p.grad is None for p in model.lm.parameters())


def test_a_few_pairs_can_be_learned_by_heart_though_the_language_model_is_frozen() -> None:
    torch.manual_seed(5)
    lm = LanguageModel(V, dim=16, heads=2, layers=2, length=30)
    with torch.no_grad():
        for value in lm.parameters():
            if value.ndim == 2:  # lively, with layer norms as they begin
                value.normal_(std=0.6)
    model = XInstructBLIP(lm, {"sound": former(5)}).train()
    given, answer = {"sound": torch.randn(4, 4, 5)}, torch.tensor([1, 3, 5, 7])
    ids = torch.full((4, 1), 2)
    adam = torch.optim.Adam(model.sense("sound").parameters(), 0.01)
    for _ in range(150):
        loss = nn.functional.cross_entropy(model(given, ids)[:, -1], answer)
        adam.zero_grad()
        loss.backward()
        adam.step()
    assert torch.equal(model(given, ids)[:, -1].argmax(dim=1), answer)


def test_bad_input_is_refused() -> None:
    model = speaking()
    with pytest.raises(ValueError, match="sense: got 'smell'"):
        model({"smell": GIVEN["sound"]}, IDS)
    with pytest.raises(ValueError, match="given"):
        model({}, IDS)
    with pytest.raises(ValueError, match="features"):
        model({"sound": GIVEN["points"]}, IDS)
    with pytest.raises(ValueError, match="no sense"):
        XInstructBLIP(model.lm, {})
    with pytest.raises(ValueError, match="cue"):
        XInstructBLIP(model.lm, {"sound": former(5)}, {"taste": torch.tensor([1])})
    with pytest.raises(ValueError, match="got 3 a cloud"):
        PointTokens(8, centres=4, neighbours=2)(torch.zeros(1, 3, 3))
    with pytest.raises(ValueError, match="multiples"):
        SoundTokens(15, 32)
