"""How prompts run together: prefix trees, what a token of one sees, and the proof that it is exact."""
