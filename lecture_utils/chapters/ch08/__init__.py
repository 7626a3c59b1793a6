"""Chapter 08: one-stage and keypoint-based detection."""
