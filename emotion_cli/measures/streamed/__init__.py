"""Statistics of many prompts or labels: one layer at a time, in batches; no matrix of all prompts with all prompts."""
