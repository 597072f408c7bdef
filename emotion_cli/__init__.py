"""`emo`: finds emotion directions in language models, measures them, and keeps them in Parquet for SQL."""

__version__ = "0.4.0.dev0"
