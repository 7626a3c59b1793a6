"""DALL-E 2: from a sentence to CLIP's embedding of a picture, and from that to pictures (chapter 16)."""
