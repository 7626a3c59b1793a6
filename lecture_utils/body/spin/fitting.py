"""The fit inside SPIN's loop (S20.5): a few steps on SMPLify's energy, from where the network stands.

SMPLify (S20.4) solves one picture carefully, in stages and from two headings, because it begins at the mean.
From the network's guess a few steps of Adam are enough, for a whole batch at once.

N. Kolotouros et al., ICCV 2019, section 3; D. Kingma and J. Ba, "Adam", ICLR 2015.

Simplified: the paper moves heading and translation before the pose; here all move together.

Shapes: B pictures, J joints, K shape numbers, P unknowns.
"""

import torch
from torch import Tensor

from lecture_utils.body.smpl import SMPL
from lecture_utils.body.smplify.joints import RestJoints
from lecture_utils.body.smplify.objective import Problem, Stage, Unknowns, unpacked
from lecture_utils.body.smplify.prior import GaussianMixturePrior
from lecture_utils.body.spin.crop import check_joints2d
from lecture_utils.ops.camera import Cameras
from lecture_utils.ops.checks import check_number, check_tensor, check_whole

STAGE = Stage(pose=5.0, shape=5.0, limits=10.0)  # the priors' weights in SMPLify's last stage


class AdamFit:
    """A fit to 2-D joints that starts at given bodies: `loop.Fitter`.

    Parameters
    ----------
    body : SMPL
        The body model.
    prior : GaussianMixturePrior
        Of poses.
    stage : Stage
        Weights of SMPLify's priors.
    steps : int
        Of Adam.
    rate : float
        Of its steps: about so many radians, metres and standard deviations each.
    sigma_m : float
        σ of the robust error, in metres.
    """

    def __init__(
        self,
        body: SMPL,
        prior: GaussianMixturePrior,
        *,
        stage: Stage = STAGE,
        steps: int = 20,
        rate: float = 0.03,
        sigma_m: float = 0.2,
    ) -> None:
        self.rest, self.prior, self.stage = RestJoints.of(body), prior, stage
        self.steps = check_whole(steps, "steps")
        self.rate = check_number(rate, "rate", 0, above=True)
        self.sigma_m = check_number(sigma_m, "sigma_m", 0, above=True)

    def __call__(
        self,
        pose: Tensor,
        shape: Tensor,
        translation: Tensor,
        joints2d: Tensor,
        confidence: Tensor,
        cameras: Cameras,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return pose (B, J, 3), shape (B, K), translation (B, 3) with less energy, in the camera's axes."""
        check_joints2d(joints2d, confidence)
        check_tensor(pose, "pose", *joints2d.shape[:2], 3, finite=True)
        check_tensor(translation, "translation", len(pose), 3, finite=True)
        pelvis = self.rest.at(shape)[:, 0] + translation  # (B, 3)
        depth = pelvis[:, 2]
        problem = Problem(
            self.rest, joints2d, confidence, cameras.intrinsics, depth, self.prior, None, self.sigma_m
        )
        x = Unknowns(pelvis, pose, shape).packed().detach().clone().requires_grad_()  # (B, P)
        optimizer = torch.optim.Adam([x], self.rate, betas=(0.9, 0.99))
        with torch.enable_grad():
            for _ in range(self.steps):
                energy = problem.residuals(x, self.stage).square().sum()
                optimizer.zero_grad()
                energy.backward()
                optimizer.step()
        found = unpacked(x.detach(), len(self.rest.parents))
        return found.pose, found.shape, found.pelvis - self.rest.at(found.shape)[:, 0]
