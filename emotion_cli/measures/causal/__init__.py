"""Causal effects: what a changed residual stream does to labelled texts, beside what directions of permuted labels do."""
