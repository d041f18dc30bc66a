"""A second, slow and plain meaning of the graph language, and random documents to hold the product against it."""
