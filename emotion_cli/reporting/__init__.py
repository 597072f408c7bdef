"""For people: rows in, figures, pages and MLflow records out; no store."""
