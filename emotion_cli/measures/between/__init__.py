"""How alike two models are (METHODS section 4): everything but the raw cosine is computed from Gram matrices."""
