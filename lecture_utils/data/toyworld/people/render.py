"""Pictures of people, and everything known about them: masks, depth, joints.

Simplified: bodies are matt and wear their clothes as paint; they shade the floor beneath them, and neither
themselves nor one another.

Shapes: N scenes, P people, H × W pixels, V vertices, J = 24 joints.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from lecture_utils.body.smpl import SMPL
from lecture_utils.data.toyworld.people.clothes import Tailor, dress, tailor
from lecture_utils.data.toyworld.people.scene import PeopleScene, placed
from lecture_utils.data.toyworld.people.surroundings import painted, shade_on_floor, trace
from lecture_utils.ops.camera import Cameras, project
from lecture_utils.ops.checks import check_size, check_whole
from lecture_utils.rendering.rasteriser.fragments import Fragments, interpolate, vertex_normals
from lecture_utils.rendering.rasteriser.hard import rasterise
from lecture_utils.rendering.rasteriser.shading import shade

_BODIES = 64  # posed at a time
SHADING = [0, 1, 2, 4, 5, 6, 7, 8, 10, 11, 20, 21]  # pelvis, legs, trunk and hands: what shades the floor


@dataclass(frozen=True, eq=False)
class PeopleViews:
    """N pictures of people. All but `image` is what the middle of the pixel shows, exactly.

    Attributes
    ----------
    image : Tensor
        (N, 3, H, W) in [0, 1], sRGB; its edges are smooth.
    depth_m : Tensor
        (N, H, W): z in the camera, in metres, of people, floor and wall; inf in the sky.
    person : Tensor
        (N, H, W) int64: 1 to P, person number plus 1; 0 in the background.
    joints_pixel : Tensor
        (N, P, 24, 2): u, v; NaN behind the camera.
    joints_m : Tensor
        (N, P, 24, 3): in the world. `world_to_cam(joints, cameras)` gives them in the camera's axes.
    visible : Tensor
        (N, P, 24) bool: in the picture, and no other person nearer at its pixel. What a person's own body
        hides counts as visible: a joint lies within the body, and is told from its outline.
    cameras : Cameras
        N, of the pictures' size.
    """

    image: Tensor
    depth_m: Tensor
    person: Tensor
    joints_pixel: Tensor
    joints_m: Tensor
    visible: Tensor
    cameras: Cameras


@torch.no_grad()
def render_people(
    scene: PeopleScene, model: SMPL, size: tuple[int, int] | None = None, *, samples: int = 2
) -> PeopleViews:
    """Render N pictures.

    Parameters
    ----------
    scene : PeopleScene
        N scenes.
    model : SMPL
        The bodies.
    size : (int, int), optional
        Height and width; the scene's cameras' where not given.
    samples : int
        Colours are means over samples × samples points a pixel: 1 leaves edges jagged, 2 is smooth.
    """
    check_whole(samples, "samples")
    cameras = scene.cameras if size is None else scene.cameras.scaled(check_size(size))
    (h, w), own = cameras.size, tailor(model)
    images, depths, people, joints = [], [], [], []
    each = max(1, _BODIES // scene.people)
    for start in range(0, len(scene), each):
        part = scene[start : start + each]
        posed = placed(model, part)
        vertices, bones = (x.unflatten(0, (len(part), -1)) for x in (posed.vertices, posed.joints))
        for i in range(len(part)):
            view = _View(part, i, vertices[i], bones[i], model.faces)
            camera = cameras[start + i]
            images.append(F.avg_pool2d(view.picture(camera.scaled((h * samples, w * samples)), own), samples))
            exact = view.fragments(camera)
            behind = trace(view.around, camera)
            away = behind.distance * (behind.directions @ camera.rotation[0, 2])  # z in the camera
            depths.append(torch.minimum(exact.depth_m, away.reshape(1, h, w)))
            people.append(torch.where(exact.mask, exact.face // len(model.faces) + 1, 0))
        joints.append(bones)
    depth_m, person, joints_m = torch.cat(depths), torch.cat(people), torch.cat(joints)
    pixels, depth = project(joints_m.flatten(1, 2), cameras)  # (N, P·J, 2), (N, P·J)
    pixels, depth = (x.unflatten(1, joints_m.shape[1:3]) for x in (pixels, depth))
    visible = in_sight(pixels, depth, person, depth_m)
    return PeopleViews(torch.cat(images).clamp(0, 1), depth_m, person, pixels, joints_m, visible, cameras)


def in_sight(pixels: Tensor, depth: Tensor, person: Tensor, depth_m: Tensor) -> Tensor:
    """Return which joints (N, P, J) are in the picture, and not behind another person.

    Parameters
    ----------
    pixels, depth : Tensor
        (N, P, J, 2) and (N, P, J), the joints'.
    person, depth_m : Tensor
        (N, H, W), who is seen at a pixel, 1 to P or 0, and how far away.
    """
    height, width = person.shape[1:]
    column, row = pixels.nan_to_num(nan=-1.0).floor().long().unbind(-1)  # (N, P, J)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height) & (depth > 0)
    view = torch.arange(len(person))[:, None, None]
    column, row = column.clamp(0, width - 1), row.clamp(0, height - 1)
    who = person[view, row, column]
    me = torch.arange(1, pixels.shape[1] + 1)[:, None]
    hidden = (who > 0) & (who != me) & (depth_m[view, row, column] < depth)
    return inside & ~hidden


class _View:
    """One scene, posed: its people as one mesh."""

    def __init__(self, scene: PeopleScene, n: int, vertices: Tensor, joints: Tensor, faces: Tensor) -> None:
        self.clothes, self.around = scene.clothes, scene[n].surroundings
        self.n, self.joints = n, joints
        self.vertices = vertices.flatten(0, 1)  # (P·V, 3)
        offset = vertices.shape[1] * torch.arange(len(vertices))[:, None, None]
        self.each, self.faces = len(faces), (faces + offset).flatten(0, 1)
        self.normals = torch.cat([vertex_normals(body, faces) for body in vertices])

    def fragments(self, camera: Cameras) -> Fragments:
        return rasterise(self.vertices, self.faces, camera, cull_back=True)

    def picture(self, camera: Cameras, own: Tailor) -> Tensor:
        """Return the picture (1, 3, H, W), with a sample a pixel."""
        around, seen, behind = self.around, self.fragments(camera), trace(self.around, camera)
        light = shade_on_floor(behind, self.joints[:, SHADING].flatten(0, 1))
        picture = painted(around, behind).square() * light[:, None]  # about linear in the light
        picture = picture.reshape(*camera.size, 3)
        known = torch.cat([own.known.repeat(len(self.joints), 1), self.normals, self.vertices], dim=1)
        mask = seen.mask[0]
        values = interpolate(seen, self.faces, known)[0][mask]  # (Q, 10 + 6)
        who = seen.face[0][mask] // self.each
        albedo = torch.zeros(len(values), 3)
        for person in range(len(self.joints)):
            mine = who == person
            albedo[mine] = dress(values[mine, :10], own, self.clothes, self.n, person)
        normal, height = F.normalize(values[:, 10:13], dim=1), values[:, 15:]
        lit = shade(normal, albedo.square(), around.to_light[0], ambient=float(around.ambient[0]))
        sky = 0.8 + 0.2 * normal[:, 2:]  # more light from above
        near_floor = 0.7 + 0.3 * (height / 0.5).clamp(0, 1)
        picture[mask] = 1.25 * lit * sky * near_floor
        return picture.clamp(0, 1).sqrt().permute(2, 0, 1)[None]
