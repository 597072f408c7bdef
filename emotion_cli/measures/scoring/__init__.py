"""Scores of single tokens along directions: what they are placed among, and what they tell apart."""
