"""The errors of the store; the command line maps them like its own errors."""


class StoreError(Exception):
    """A file of the store is damaged, or cannot be read or written."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class NotInStoreError(StoreError):
    """A table, view, query, partition or file that was asked for is not there."""


class QueryError(StoreError):
    """A SQL statement is wrong or not allowed."""


class NameInvalidError(StoreError):
    """A name that cannot stand in the store."""


class HeldError(StoreError):
    """Another process is writing the same partition."""


class NewerError(StoreError):
    """A file was written by a later schema than this program knows."""


class OlderError(StoreError):
    """A file was written by an earlier schema and has to be migrated."""
