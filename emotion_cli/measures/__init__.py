"""Wing 3, numpy: arrays in, arrays out; no files, no store, no torch."""
