"""What the domain refuses."""


class DomainError(Exception):
    """A rule said no; the message is fit to show to the caller."""


class InvalidValue(DomainError, ValueError):
    """A value that the model does not allow."""


class UnknownReference(InvalidValue):
    """An identity of nothing: what it refers to is not kept, or not any more."""


class StillReferenced(DomainError):
    """Others refer to it, so it cannot be taken out."""


class AlreadyTaken(DomainError):
    """Another one has this value, which only one may have."""


class NotFound(DomainError):
    """No entity has this identity."""


class ConcurrentUpdate(DomainError):
    """Another transaction changed the entity after it was read: read it again."""


class StaleVersion(ConcurrentUpdate):
    """Somebody changed the entity after the caller saw it: look at it again."""
