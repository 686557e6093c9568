"""How keeping can fail; no message tells what was to be kept."""


class StorageError(Exception):
    """The store failed, not the domain; nothing of the unit of work is kept."""


class Unavailable(StorageError):
    """The store cannot be reached, or has no connection to spare: try later."""


class TimedOut(StorageError):
    """The store was given up on, because it took too long."""


class TransactionConflict(StorageError):
    """Two transactions were in each other's way: this one can be run again."""


class ReadOnly(StorageError):
    """A unit of work that was made to read was to write."""


class RolledBack(StorageError):
    """An earlier error ended the transaction, though nobody heeded it."""


class CommitUnknown(StorageError):
    """The store did not answer to the commit: it may have kept everything or nothing."""


class Misused(StorageError):
    """A unit of work was used by a second task, or after its commit."""
