"""Rows and vectors that come in and go out as files."""
