"""Bodies: rotations, skinning, SMPL, and what finds them in pictures (chapter 20)."""
