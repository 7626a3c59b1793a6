"""A good call of each public function, as small as it can be, for `test_bad_calls` to spoil.

By module, then by function, class (its constructor) or method (its object is the argument `self`; what stands
under "*" comes after it, by position).
"""

from typing import Any

from tests.good_calls import (
    asking,
    augmenting,
    binding,
    body,
    captioning,
    concepts,
    contrasting,
    cycling,
    detecting,
    explaining,
    figures,
    flamingo,
    gripping,
    instances,
    instructing,
    key_points,
    layers,
    measuring,
    motion,
    multiply,
    networks,
    one_stage,
    other_senses,
    panoptic,
    people,
    pixel_by_pixel,
    points,
    programming,
    prototypes,
    querying,
    radiance,
    rendering_meshes,
    retrieving,
    rotations,
    segmenting,
    senses,
    shapes_3d,
    smplify,
    solids,
    sound,
    speaking,
    spin,
    splats,
    styles,
    toy_faces,
    two_stage,
    two_views,
    video,
    words,
)

PARTS = (
    layers, networks, explaining, augmenting, segmenting,
    detecting, two_stage, one_stage, key_points, measuring,
    instances, prototypes, panoptic, video,
    querying,
    rotations, solids, shapes_3d, two_views, points, radiance, splats,
    body, captioning,
    other_senses,
    spin,
    multiply,
    rendering_meshes,
    people,
    figures,
    smplify,
    retrieving,
    concepts,
    styles,
    words,
    binding,
    toy_faces,
    speaking,
    asking,
    programming,
    flamingo,
    gripping,
    contrasting,
    cycling,
    sound,
    motion,
    senses,
    instructing,
    pixel_by_pixel,
)  # fmt: skip
GOOD: dict[str, dict[str, Any]] = {
    f"{module}.{name}": arguments
    for part in PARTS
    for module, calls in part.GOOD.items()
    for name, arguments in calls.items()
}
