"""HMR's regressor (S20.5): from a picture to pose, shape and camera, in three corrections of a mean guess.

A network reads features φ from the crop. Pose is a function of the picture with many rotations in it, and
hard to hit in one go; so the regressor starts at mean parameters, looks at φ and at its own guess, and adds
a correction, three times (iterative error feedback). Rotations are six numbers each (Zhou et al., CVPR 2019):
axis-angle and quaternions jump somewhere, these do not.

A. Kanazawa, M. Black, D. Jacobs and J. Malik, "End-to-end Recovery of Human Shape and Pose", CVPR 2018,
section 3.2; the 6-D output is SPIN's (N. Kolotouros et al., ICCV 2019, section 3).

Simplified: any encoder takes the place of ResNet-50; widths are free. Ours: features are brought to mean 0
and variance 1 first, as places and what is seen there have scales of their own.

Shapes: B crops, J joints, K shape numbers, D features.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lecture_utils.body.skeleton import JOINTS
from lecture_utils.ops.checks import check_images, check_number, check_numbers, check_sizes, check_tensor
from lecture_utils.ops.rotation import check_rotation, matrix_to_rotation_6d, rotation_6d_to_matrix

FACING = ((1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, -1.0))  # a person upright that faces the camera


@dataclass(frozen=True)
class Estimate:
    """What a regressor says of B persons, in the camera's axes.

    Attributes
    ----------
    rotations : Tensor
        (B, J, 3, 3), each joint's rotation relative to its parent's; the root's relative to the camera.
    shape : Tensor
        β (B, K).
    camera : Tensor
        (B, 3), weak perspective s, t_x, t_y (`crop.weak_to_translation`).
    """

    rotations: Tensor
    shape: Tensor
    camera: Tensor

    def detach(self) -> "Estimate":
        """The same numbers, cut off from the network."""
        return Estimate(self.rotations.detach(), self.shape.detach(), self.camera.detach())


def mean_rotations(joints: int = len(JOINTS)) -> Tensor:
    """Return rotations (J, 3, 3) of a person at rest that faces the camera."""
    check_sizes("mean rotations", joints=joints)
    return torch.cat([torch.tensor([FACING]), torch.eye(3).expand(joints - 1, 3, 3)])


class Regressor(nn.Module):
    """An encoder, and an MLP that corrects its own guess.

    Parameters
    ----------
    encoder : nn.Module
        Crops (B, 3, H, W) → features (B, D).
    features : int
        D.
    hidden : int
        Width of the two hidden layers; 1024 in the paper.
    iterations : int
        How often the guess is corrected.
    dropout : float
        Behind each hidden layer, in training.
    start_rotations : Tensor, optional
        (J, 3, 3), where the pose starts; at rest, facing the camera, if not given.
    start_camera : sequence of float
        s, t_x, t_y at the start.
    shapes : int
        K; they start at 0, the mean person.

    Raises
    ------
    ValueError
        For sizes below 1, a dropout that is no share, rotations that are none, or features of another width.
    """

    start_pose: Tensor
    start_camera: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        features: int,
        *,
        hidden: int = 1024,
        iterations: int = 3,
        dropout: float = 0.5,
        start_rotations: Tensor | None = None,
        start_camera: tuple[float, float, float] = (0.9, 0.0, 0.0),
        shapes: int = 10,
    ) -> None:
        super().__init__()
        check_sizes("regressor", features=features, hidden=hidden, iterations=iterations, shapes=shapes)
        check_number(dropout, "dropout", 0, 1)
        start = mean_rotations() if start_rotations is None else start_rotations
        check_tensor(start, "start_rotations", "J", 3, 3, finite=True, some=True)
        check_rotation(start, "start_rotations")
        check_numbers(start_camera, "start_camera", 3)
        self.encoder, self.iterations = encoder, iterations
        self.register_buffer("start_pose", matrix_to_rotation_6d(start).flatten())  # (6 J,)
        self.register_buffer("start_camera", torch.tensor(start_camera, dtype=torch.float32))
        self.features, self.joints, self.shapes = features, len(start), shapes
        numbers = 6 * self.joints + shapes + 3
        self.norm = nn.BatchNorm1d(features, affine=False)
        self.mlp = nn.Sequential(
            nn.Linear(features + numbers, hidden), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(dropout),
        )  # fmt: skip
        self.correction = nn.Linear(hidden, numbers)
        nn.init.xavier_uniform_(self.correction.weight, gain=0.01)  # the first guess is nearly the mean
        nn.init.zeros_(self.correction.bias)

    def forward(self, images: Tensor) -> Estimate:  # (B, 3, H, W)
        check_images(images, like=self.correction.weight)
        return self.iterates(self.encoder(images))[-1]

    def iterates(self, features: Tensor) -> list[Estimate]:
        """The guesses one after another, the mean first, from the encoder's features (B, D)."""
        check_tensor(features, "features", "B", self.features, finite=True, some=True)
        features = self.norm(features)
        guess = self.start().expand(len(features), -1)  # (B, 6 J + K + 3)
        guesses = [guess]
        for _ in range(self.iterations):
            guess = guess + self.correction(self.mlp(torch.cat([features, guess], dim=1)))
            guesses.append(guess)
        return [self.read(guess) for guess in guesses]

    def start(self) -> Tensor:
        """The mean parameters, (1, 6 J + K + 3)."""
        shape = torch.zeros(self.shapes).to(self.start_pose)
        return torch.cat([self.start_pose, shape, self.start_camera])[None]

    def read(self, guess: Tensor) -> Estimate:
        """Take numbers (B, 6 J + K + 3) apart."""
        check_tensor(guess, "guess", "B", 6 * self.joints + self.shapes + 3, some=True)
        pose, shape, camera = guess.split([6 * self.joints, self.shapes, 3], dim=1)
        return Estimate(rotation_6d_to_matrix(pose.unflatten(1, (self.joints, 6))), shape, camera)
