"""Benchmarks: each module measures one subject and gives a section of RESULTS.md; `python -m bench` runs them."""
