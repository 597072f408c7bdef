"""Statistics in NumPy: arrays in, arrays out; no files, no store, no torch."""
