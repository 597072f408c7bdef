"""From which size on statistics are streamed, and what each null is made of there."""

MOST_PROMPTS = 4_000
"""Up to so many prompts all inner products of prompts are in memory, and nulls are what the other modules make them."""

MOST_LABELS = 20
"""With more labels statistics are streamed, too: there are too many pairs for a permutation of the prompts of each."""

MOST_ROWS = 20_000
"""Up to so many prompts (and up to `MOST_LABELS`) the labels of a cosine's null are permuted; else it is the normal limit."""

MOST_SAMPLED = 1_000
"""Prompts of a sample on which words compete with a direction."""

MOST_CLASSIFIED = 500
"""Prompts of a sample on which a classifier is fitted."""

MOST_PERMUTED = 200
"""Prompts of a sample on which labels are permuted; what that gives is brought to the number of all prompts."""

PERMUTED_NORMAL = "permuted_normal"
"""Kind of null: labels permuted, in the limit of many prompts, where means of random classes are normal."""

PERMUTED_SAMPLE = "permuted_sample"
"""Kind of null: labels permuted in a sample of whole topics, brought to the number of all prompts."""

PAIRED_SAMPLE = "paired_sample"
"""Kind of null: prompts of a sample paired at random, brought to the number of all prompts."""


def is_large(n_prompts: int, n_labels: int) -> bool:
    """Whether statistics of so many prompts and labels are streamed."""
    return n_prompts > MOST_PROMPTS or n_labels > MOST_LABELS
