"""A model before it is loaded: its place, its kind and its hashes."""
