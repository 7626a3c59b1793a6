"""People of the toy world: their bodies, poses, shapes and pictures (chapter 20)."""
