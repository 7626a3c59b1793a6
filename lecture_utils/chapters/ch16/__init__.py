"""Chapter 16: diffusion models, in pixels and in codes."""
