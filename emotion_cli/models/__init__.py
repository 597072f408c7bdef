"""Torch code: loads causal language models and reads their residual streams."""
