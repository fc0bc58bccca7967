"""Every error that wherry raises on purpose.

    WherryError                    exit code 1
    ├── UsageError                 125  the command line is wrong (as the docker CLI)
    │   ├── CommandLineError       1    no such command, or not so many arguments (as the docker CLI)
    │   └── TemplateError          64   the text of --format is no template
    ├── RenderError                1    a template asks a value for what it does not have
    ├── DockerfileError            1    a Dockerfile is wrong: file, lines, column, the line itself
    ├── ContextError               1    the build context is wrong, or a path leads out of it
    ├── NotFoundError              1    no such image, container, file
    ├── ConflictError              1    a name is taken, an image is in use
    ├── InvalidReferenceError      1    an image name or digest that no one could write
    ├── CorruptError               1    bytes that are not what their digest or format says
    ├── HostileArchiveError        1    an archive that tries to leave its folder
    ├── StorageError               1    the store cannot be read or written (full disk, permissions)
    │   ├── RecordsLostError       1    the store's database is lost or damaged, what it spoke of is there
    │   └── NewerRecordError       1    a record that is whole, and written by a newer wherry
    ├── StepError                  1    a RUN instruction failed
    │   └── ChangedError           1    a file changed while it was read
    ├── SandboxError               125  a process could not be isolated or started
    │   ├── CommandNotExecutable   126
    │   └── CommandNotFound        127
    ├── UnsupportedError           1    understood and refused by name: a later version brings it
    ├── RegistryError              1    a registry refused, or could not be asked, or answered nonsense
    ├── ClusterError               1    a Kubernetes cluster is not known, refused, or could not be asked
    └── ProxyError                 1    the proxy wing: sources, rendering, reloading

A message says what happened and to what; a hint says what to do next, in one line.
NeedsNamespace is no error and stands beside them: what is done has to begin again in a user namespace.
Exit codes are Docker's.  ``cli.main`` prints ``error: message`` and ``hint: hint`` and nothing else,
unless ``--debug`` asks for the traceback.
"""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class WherryError(Exception):
    """The root: a message for people, an optional hint, and the exit code of the command."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class NeedsNamespace(BaseException):
    """A plain user has to be root of a user namespace for this: the command begins again inside one.

    Only `cli.main` may catch it, which starts the program again.  As KeyboardInterrupt it is no Exception:
    whoever goes on after an error must not go on after this.  `beside` is the pid of a process whose
    namespace it has to be; 0: a new one.
    """

    def __init__(self, beside: int = 0) -> None:
        super().__init__()
        self.beside = beside


class UsageError(WherryError):
    exit_code = 125


class CommandLineError(UsageError):
    exit_code = 1


class TemplateError(UsageError):
    exit_code = 64


class RenderError(WherryError):
    pass


class DockerfileError(WherryError):
    """A mistake in a Dockerfile, with the place: 1-based line range and column of `name`.

    ``source`` holds the lines ``line``..``end_line`` as written, without line ends; ``before`` the
    Dockerfile up to there, where it was understood.
    """

    def __init__(
        self,
        message: str,
        *,
        name: str = "Dockerfile",
        line: int = 0,
        end_line: int = 0,
        column: int = 0,
        source: tuple[str, ...] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.name = name
        self.line = line
        self.end_line = end_line or line
        self.column = column
        self.source = source
        self.before: object = None


class ContextError(WherryError):
    pass


class NotFoundError(WherryError):
    pass


class ConflictError(WherryError):
    pass


class InvalidReferenceError(WherryError):
    pass


class CorruptError(WherryError):
    pass


class HostileArchiveError(WherryError):
    pass


class StorageError(WherryError):
    pass


class RecordsLostError(StorageError):
    def __init__(self, message: str) -> None:
        super().__init__(message, hint="wherry system check --repair makes them again from what is there")


class NewerRecordError(StorageError):
    """A record that is not damaged, but for a newer wherry to read."""


class StepError(WherryError):
    pass


class ChangedError(StepError):
    """Another try may find it at rest."""


class SandboxError(WherryError):
    exit_code = 125


class CommandNotExecutable(SandboxError):
    exit_code = 126


class CommandNotFound(SandboxError):
    exit_code = 127


class UnsupportedError(WherryError):
    pass


class RegistryError(WherryError):
    pass


class ClusterError(WherryError):
    pass


class ProxyError(WherryError):
    pass


def nearest(word: str, known: Sequence[str]) -> str | None:
    """The entry of `known` that `word` most likely meant (case ignored), or None."""
    import difflib

    letters = sorted(word.lower())
    for candidate in known:
        if sorted(candidate.lower()) == letters:
            return candidate  # letters that changed places are what hands do most often
    found = difflib.get_close_matches(word.lower(), [k.lower() for k in known], n=1, cutoff=0.6)
    if not found:
        return None
    return next(k for k in known if k.lower() == found[0])


def from_os(error: OSError) -> WherryError:
    """The errors of the machine itself, in the words of the product."""
    import errno

    where = f" {error.filename!r}" if error.filename else ""
    if error.errno == errno.ENOSPC:
        return WherryError(
            f"no space left on device{': writing' + where if where else ''}",
            hint="nothing finished was lost; free some space (wherry rmi, rm) and run it again",
        )
    hint = None
    if error.errno in (errno.EACCES, errno.EPERM):
        hint = "check the owner and the mode, or give a folder of your own with --root DIR"
    return WherryError(f"{error.strerror or error}{where}", hint=hint)


def in_words(error: BaseException) -> str:
    """What happened, for a process that can only leave a line behind."""
    if isinstance(error, OSError):
        error = from_os(error)
    return error.message if isinstance(error, WherryError) else str(error)
