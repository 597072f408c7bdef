"""A model found, before it is loaded: where it is, what it is of, and what tells it apart."""
