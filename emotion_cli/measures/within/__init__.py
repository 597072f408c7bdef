"""Measures of one model."""
