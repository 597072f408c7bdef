"""Repetition of written texts."""

from emotion_cli.measures.causal.repetition import distinct_pairs


def test_repeated_pairs_count_once():
    assert distinct_pairs([1, 2, 1, 2, 1]) == 0.5
    assert distinct_pairs([1, 2, 3]) == 1
    assert distinct_pairs([4]) is None and distinct_pairs([]) is None
