"""The columnar store: Parquet tables with committed manifests, and the DuckDB catalog over them."""
