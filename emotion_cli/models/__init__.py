"""Wing 2, torch: loading causal language models and reading their residual streams."""
