"""Packing of prompts: prefix trees, their attention masks, and the proof that it is exact."""
