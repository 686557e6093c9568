"""What the domain refuses."""


class DomainError(Exception):
    """A rule said no; the message is fit to show to the caller."""


class InvalidValue(DomainError):
    """A value that the model does not allow."""


class NotFound(DomainError):
    """No entity has this identity."""


class ConcurrentUpdate(DomainError):
    """Another transaction changed the entity after it was read: read it again."""
