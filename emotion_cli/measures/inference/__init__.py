"""Inference: draws, relabellings, ranks, intervals."""
