"""Shape and space from pictures: representations of shapes (S18.1), two views (S18.2), points and volumes (S18.3)."""
