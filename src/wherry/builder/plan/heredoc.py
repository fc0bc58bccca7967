"""PURE: what a RUN with here-documents really starts (BuildKit's rules)."""

from __future__ import annotations

from wherry.dockerfile.heredocs import heredoc_word
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.dockerfile.ast import Command

PIPES = "/dev/pipes"
"""Where a document with a shebang lies while it runs."""


def resolved(command: Command) -> tuple[Command, dict[str, str]]:
    """The command without here-documents, and the scripts it needs in PIPES by their names.

    A document alone is the script itself: for the shell, or for what its shebang names.  Documents beside
    other words are left to the shell, as they were written.
    """
    if not command.heredocs:
        return command, {}
    text, first = command.words[0], command.heredocs[0]
    if heredoc_word(text.strip()) is None:
        source = text + "".join(f"\n{doc.content}{doc.name}" for doc in command.heredocs)
        return command._replace(words=(source,), heredocs=()), {}
    if first.text.startswith("#!"):
        return command._replace(words=(f"{PIPES}/{first.name}",), heredocs=()), {first.name: first.text}
    return command._replace(words=(first.text,), heredocs=()), {}
