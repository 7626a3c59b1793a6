"""Chapter 06: semantic segmentation."""
