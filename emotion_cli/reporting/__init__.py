"""Figures, reports and MLflow records from rows; no store."""
