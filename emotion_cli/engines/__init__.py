"""Makes the parts of an extraction, here or elsewhere."""
