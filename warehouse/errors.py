"""What the store can say went wrong; the command line maps these as it maps its own errors."""


class StoreError(Exception):
    """A file of the store is missing, damaged, or of a newer schema."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class NotInStoreError(StoreError):
    """A table, view, query or partition that was asked for is not there."""


class QueryError(StoreError):
    """A SQL statement is wrong or not allowed."""


class HeldError(StoreError):
    """Another process is writing the same partition."""
