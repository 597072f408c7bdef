"""Scored texts as people read them: parts of a text with their numbers, on a terminal or a page."""
