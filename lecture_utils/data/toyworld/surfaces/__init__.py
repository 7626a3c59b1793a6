"""What the objects and the ground look like: outlines, textures, the pixels they cover, light and shadow."""
