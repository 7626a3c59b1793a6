"""Chapter 02: vision transformers."""
