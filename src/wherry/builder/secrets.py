"""What the command line gives to a build that is in no layer, no log and no key: secrets and agents."""

from __future__ import annotations

from wherry.errors import ContextError
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Secret(NamedTuple):
    """A secret's value, or the file that it is read from when a step needs it."""

    path: str | None = None
    value: bytes | None = None

    def read(self) -> bytes:
        """Raises ContextError without a word of its content."""
        if self.value is not None:
            return self.value
        assert self.path is not None  # noqa: S101
        try:
            with open(self.path, "rb") as file:
                return file.read()
        except OSError as error:
            raise ContextError(f"the secret's file {self.path} cannot be read: {error.strerror}") from None


class BuildSecrets(NamedTuple):
    """What the command line gives to mounts: --secret and --ssh by their ids; a socket's path for each
    agent."""

    secrets: Mapping[str, Secret] = {}
    agents: Mapping[str, str] = {}
