"""What is said of calls in three dimensions, as `bad_calls_said` says it of the rest."""

INSIDE = "a step inside what is called here, which checks what comes in"
MODULE = "takes a module or an object that was checked when it was made"
SHOWN = "what a chapter shows, without guards; its twin of the same name is what runs, and is called here"
PICTURES = "takes views of a whole scene; tests/geometry/test_sfm.py has its bad calls"

WITHOUT_3D: dict[str, str] = {
    "data.toyworld.solids.boxes.*": INSIDE,
    "data.toyworld.solids.points.[!s]*": INSIDE,
    "data.toyworld.solids.render.[!r]*": INSIDE,
    "data.toyworld.solids.sampling.draw_*": INSIDE,
    "data.toyworld.solids.sampling.sun_at": INSIDE,
    "data.toyworld.solids.scene.*": MODULE,
    "data.toyworld.solids.shapes.[!p]*": INSIDE,
    "data.toyworld.solids.shapes.part_of": INSIDE,
    "data.toyworld.solids.textures.*": INSIDE,
    "data.toyworld.solids.tracing.*": INSIDE,
    "geometry.bundle_adjustment.residuals": INSIDE,
    "geometry.bundle_adjustment.jacobians": INSIDE,
    "geometry.bundle_adjustment.free_directions": INSIDE,
    "geometry.bundle_adjustment.normal_equations": INSIDE,
    "geometry.bundle_adjustment.solve_step": INSIDE,
    "geometry.bundle_adjustment.moved": INSIDE,
    "geometry.bundle_adjustment.levenberg_marquardt": INSIDE,
    "geometry.pairs.first_pair": MODULE,
    "geometry.pairs.two_pictures": PICTURES,
    "geometry.sfm.reconstruct": PICTURES,
    "geometry.sfm.start": INSIDE,
    "geometry.sfm.grow": INSIDE,
    "geometry.sfm.finished": INSIDE,
    "geometry.sparse_model.SparseModel.next_view": INSIDE,
    "ops.camera.Cameras.to": MODULE,
    "ops.camera.rays": MODULE,
    "rendering.gaussians.blending.[rtu]*": INSIDE,
    "rendering.gaussians.blending_plain.*": SHOWN,
    "rendering.gaussians.density.DensityControl.worth_keeping": INSIDE,
    "rendering.gaussians.density.replace_rows": INSIDE,
    "rendering.gaussians.density.split_in_two": INSIDE,
    "rendering.gaussians.fit.act_on_density": INSIDE,
    "rendering.gaussians.fit.adam_for": MODULE,
    "rendering.rasteriser.hard.[!r]*": INSIDE,
    "rendering.rasteriser.hard_plain.*": SHOWN,
    "rendering.rasteriser.soft.[rt]*": INSIDE,
    "rendering.rasteriser.soft.silhouette": MODULE,
    "rendering.rasteriser.soft_plain.*": SHOWN,
    "data.toyworld.people.clothes.*": INSIDE,
    "data.toyworld.people.render.in_sight": INSIDE,
    "data.toyworld.people.scene.placed": MODULE,
    "data.toyworld.people.surroundings.*": INSIDE,
    "data.toyworld.people.figure.[bd]*": INSIDE,
    "data.toyworld.people.figure.piece_distances": INSIDE,
    "data.toyworld.people.figure_[!m]*": INSIDE,
    "data.toyworld.people.gestures.*": INSIDE,
    "data.toyworld.people.movements.*": INSIDE,
    "body.smplify.derivatives.*": INSIDE,
    "body.smplify.objective.[Pu]*": INSIDE,
    "body.smplify.objective.Stage.without": "takes names; test_fit.py has its bad calls",
    "body.smplify.start.starts": INSIDE,
    "body.multiply.refine.ColourRefiner.in_box": INSIDE,
    "body.multiply.refine.MaskRefiner": "a protocol: nobody makes one",
}

LEADING = "“…” is documented: any number of axes in front"
NONE = "an empty list of objects or pictures has an empty answer"
ALL_CAMERAS = "one set of points for all cameras, as documented"

RIGHT_3D: dict[str, str] = {
    "body.multiply.refine.at_pixels | points | nan": "no place, as of a joint behind the camera: 0",
    "body.multiply.refine.make_prompts | joints_px | nan": "a joint behind the camera, as documented",
    "body.multiply.refine.seeds | like | nan": "only the shape counts",
    "data.toyworld.people.figure.signed_distance | points | empty": NONE,
    "body.smplify.* | * | empty": NONE,
    "body.smplify.data_term.geman_mcclure | error | axis *": LEADING,
    "data.toyworld.people.limits.* | * | empty": NONE,
    "data.toyworld.people.limits.* | * | axis *": LEADING,
    "data.toyworld.people.poses.mirror_pose | pose | empty": NONE,
    "body.smpl.SMPL.[sc]* | * | empty": NONE,
    "body.export.to_gltf | shape | empty": "no numbers: the mean person, as documented",
    "ops.rotation.* | * | axis added": LEADING,
    "ops.rotation.* | * | axis dropped": LEADING,
    "ops.rotation.* | * | empty": NONE,
    "ops.boxes_3d.* | * | empty": NONE,
    **dict.fromkeys(
        [
            f"ops.camera.{name} | * | axis dropped"
            for name in ("world_to_cam", "cam_to_world", "cam_to_pixel")
        ],
        ALL_CAMERAS,
    ),
    "ops.camera.project | * | axis dropped": ALL_CAMERAS,
    "rendering.gaussians.* | * | empty": NONE,
    "rendering.rasteriser.fragments.vertex_normals | vertices | axis added": "one mesh or several, as told",
    "rendering.rasteriser.shading.sample_texture | uv | axis added": LEADING,
    "rendering.rasteriser.shading.sample_texture | uv | axis dropped": LEADING,
    "rendering.rasteriser.shading.sample_texture | uv | empty": NONE,
    "rendering.gaussians.gaussians.Gaussians.colours | chosen | another batch": "any of them, as documented",
}
