"""What modules need of `typing` while they are imported, without importing it.

A command that does little is mostly the interpreter's start, and `typing` would be a tenth of a build that
comes whole from the cache.  `typing.NamedTuple` would be a quarter more: it compiles each annotation, and a
constructor for each class.  Here that is made when it is first needed, and annotations stay strings.

Type checkers see `typing`'s own.  What only annotations name is imported below ``if TYPE_CHECKING:``.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Generic as Generic
    from typing import NamedTuple as NamedTuple
    from typing import Protocol as Protocol
    from typing import TypeVar as TypeVar
else:
    try:  # as `collections.namedtuple` does: the name is private, and another Python may not have it
        from _collections import _tuplegetter
    except ImportError:

        def _tuplegetter(position, doc):
            from operator import itemgetter

            return property(itemgetter(position), doc=doc)

    class Protocol:
        """A base that says nothing: nothing here asks at run time who follows a protocol."""

    class Generic:
        """A base that may be given parameters, and remembers none."""

        def __class_getitem__(cls, _parameters):
            return cls

    TypeVar = str  # its name: all that is left of it here

    class _Value(tuple):
        """What all named tuples have in common."""

        __slots__ = ()

        @classmethod
        def _make(cls, values):
            made = tuple.__new__(cls, values)
            if len(made) != len(cls._fields):
                raise TypeError(f"expected {len(cls._fields)} values, got {len(made)}")
            return made

        def _replace(self, /, **changes):
            made = self._make(map(changes.pop, self._fields, self))
            if changes:
                # as CPython has it
                kind = TypeError if sys.version_info >= (3, 13) else ValueError
                raise kind(f"Got unexpected field names: {list(changes)}")
            return made

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def __getnewargs__(self):
            return tuple(self)

        def __repr__(self):
            fields = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
            return f"{type(self).__name__}({fields})"

    class _Maker(type):
        """Makes, of a class statement, a class of _Value; its own type is `type`, as in `typing`."""

        def __new__(maker, name, bases, space):
            if not bases:
                return super().__new__(maker, name, bases, space)
            if "__annotate_func__" in space:  # Python 3.14 (PEP 649): they would have to be evaluated
                raise TypeError(f"{name}: its module needs `from __future__ import annotations`")
            fields = tuple(space.get("__annotations__", ()))
            defaults = {field: space[field] for field in fields if field in space}

            def construct(cls, /, *values, **named):
                if len(values) == len(fields) and not named:
                    return tuple.__new__(cls, values)
                # Names and defaults are for the constructor that `collections` makes, from now on.
                from collections import namedtuple

                made.__new__ = namedtuple(name, fields, defaults=defaults.values()).__new__
                return made.__new__(cls, *values, **named)

            for position, field in enumerate(fields):
                space[field] = _tuplegetter(position, "")
            space["__slots__"] = ()
            space["__new__"] = construct
            space["__match_args__"] = space["_fields"] = fields
            space["_field_defaults"] = defaults
            made = type(name, (_Value,), space)
            return made

    class NamedTuple(metaclass=_Maker):
        """See typing.NamedTuple."""
