"""The sections of the report, one module each, in the order of the page."""

from emotion_cli.reporting.report.sections import (
    closing,
    data,
    directions,
    effects,
    methods,
    models,
    overview,
    provenance,
    similarity,
    texts,
)
from emotion_cli.reporting.report.sections.section import Section

SECTIONS = (
    Section("overview", overview.READS, overview.write),
    Section("data", data.READS, data.write),
    Section("vectors", directions.READS, directions.write),
    Section("intra_model", similarity.READS, similarity.write),
    Section("cross_model", models.READS, models.write),
    Section("effects", effects.READS, effects.write),
    Section("other_texts", texts.READS, texts.write),
    Section("observations", closing.OBSERVED, closing.observations),
    Section("next_steps", closing.OPEN, closing.next_steps),
    Section("conclusion", overview.ANSWERED_BY, closing.conclusion),
    Section("methods", (), methods.write),
    Section("provenance", provenance.READS, provenance.write),
)
"""A new section is a module with `READS` and `write`, a line here, and its heading in the messages of each language."""

__all__ = ["SECTIONS", "Section"]
