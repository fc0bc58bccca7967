"""Regular expressions that are compiled when they are first used.

To compile one takes a tenth of a millisecond or three.  A build that comes whole from the cache, which is
mostly the interpreter's start, uses few of those that its modules have.  Type checkers see `re.compile`.
"""

TYPE_CHECKING = False

if TYPE_CHECKING:
    import re

    pattern = re.compile
else:

    class pattern:  # noqa: N801 - it stands for a function
        """See re.compile."""

        def __init__(self, text, flags=0):
            self._made_of = text, flags

        def __getattr__(self, name):
            import re

            found = getattr(re.compile(*self._made_of), name)  # which compiles once
            setattr(self, name, found)
            return found
