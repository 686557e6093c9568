"""The address of a mailbox."""

import re
from dataclasses import dataclass

from tea_shop.domain.errors import InvalidValue

# https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address
_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_LOCAL = r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+"
_ADDRESS = re.compile(rf"{_LOCAL}@{_LABEL}(?:\.{_LABEL})*")


@dataclass(frozen=True, slots=True)
class Email:
    """An address such as `user@example.com`, of at most 254 characters.

    Raise `InvalidValue` where it is none.
    """

    value: str

    def __post_init__(self) -> None:
        if len(self.value) > 254 or not _ADDRESS.fullmatch(self.value):
            raise InvalidValue("an e-mail address must be like user@example.com")

    def __str__(self) -> str:
        return self.value
