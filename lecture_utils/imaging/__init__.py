"""How an image comes to be, and how its numbers are organised: formation, colour spaces."""
