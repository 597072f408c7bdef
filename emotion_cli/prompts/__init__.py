"""Wing 1, text: the sets that ship, and reading, validating and counting prompt sets."""
