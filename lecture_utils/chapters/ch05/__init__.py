"""Chapter 05: data augmentation."""
