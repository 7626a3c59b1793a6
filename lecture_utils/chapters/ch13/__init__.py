"""Chapter 13: pictures, words and sounds in one space."""
