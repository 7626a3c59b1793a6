"""Chapter 07: two-stage detection."""
