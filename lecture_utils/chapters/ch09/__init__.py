"""Chapter 09: instance and panoptic segmentation."""
