"""Pix2Pix, one file a network: generator, PatchGAN, losses (chapter 15)."""
