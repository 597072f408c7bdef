"""The worked examples of docs/methods.md give what they say."""

import doctest
from pathlib import Path


def test_the_examples_are_true():
    page = Path(__file__).parents[2] / "docs" / "methods.md"
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert tried > 20 and failed == 0
