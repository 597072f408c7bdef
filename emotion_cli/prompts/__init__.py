"""Text: the shipped prompt sets, and reading, validating and auditing of prompt sets."""
