"""What stages share: extractions, variants, layers as arrays, comparisons, outputs."""
