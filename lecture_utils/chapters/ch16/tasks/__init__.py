"""Chapter 16's exercises, one to a file: inputs, usual mistakes, and hints."""
