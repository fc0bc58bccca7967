"""wherry.typed beside typing, which it has to be like."""

from __future__ import annotations

import pickle
import subprocess
import sys
import typing

import pytest

from wherry import typed
from wherry.typed import Generic, TypeVar


class Ours(typed.NamedTuple):
    """A point."""

    x: int
    y: int = 2
    names: tuple[str, ...] = ()

    @property
    def far(self) -> bool:
        return self.x > 9

    def twice(self) -> Ours:
        return self._replace(x=2 * self.x)


class Theirs(typing.NamedTuple):
    """A point."""

    x: int
    y: int = 2
    names: tuple[str, ...] = ()


def test_a_value_is_the_tuple_that_typing_makes() -> None:
    ours, theirs = Ours(1, names=("a",)), Theirs(1, names=("a",))
    assert ours == theirs == (1, 2, ("a",)) and hash(ours) == hash(theirs)
    assert repr(ours).removeprefix("Ours") == repr(theirs).removeprefix("Theirs")
    assert ours._asdict() == theirs._asdict() and ours._fields == theirs._fields
    assert ours._field_defaults == theirs._field_defaults
    assert ours._replace(y=3) == theirs._replace(y=3) == (1, 3, ("a",))
    assert Ours._make([1, 2, ()]) == Theirs._make([1, 2, ()])
    assert type(Ours) is type(Theirs) and Ours.__doc__ == Theirs.__doc__
    assert not hasattr(ours, "__dict__")


def test_methods_and_properties_belong_to_it() -> None:
    ours = Ours(5)
    assert ours.twice() == (10, 2, ()) and ours.twice().far and not ours.far


def test_it_can_be_pickled_and_matched() -> None:
    ours = Ours(1, 2)
    back = pickle.loads(pickle.dumps(ours))
    assert back == ours and type(back) is Ours
    match ours:
        case Ours(x, y=2):
            assert x == 1
        case _:
            pytest.fail("no match")


@pytest.mark.parametrize(
    "make",
    [
        lambda kind: kind(),
        lambda kind: kind(1, 2, (), 4),
        lambda kind: kind(1, z=1),
        lambda kind: kind(1, x=1),
        lambda kind: kind._make([1]),
        lambda kind: kind(1)._replace(z=1),
        lambda kind: setattr(kind(1), "x", 2),
        lambda kind: setattr(kind(1), "z", 2),
    ],
)
def test_what_typing_refuses_is_refused(make: typing.Callable[[type], object]) -> None:
    with pytest.raises((TypeError, ValueError, AttributeError)) as theirs:
        make(Theirs)
    with pytest.raises(theirs.type):
        make(Ours)


WITHOUT = """
from __future__ import annotations
import sys
sys.modules["_collections"] = None
from wherry import typed

class Point(typed.NamedTuple):
    x: int
    y: int = 2

point = Point(1)
assert (point.x, point.y, point) == (1, 2, (1, 2)), point
assert Point.x.__get__(point) == 1 and point._replace(x=3) == (3, 2)
try:
    point.x = 5
except AttributeError:
    print("read only")
"""


def test_a_python_without_the_private_name_makes_the_same_values() -> None:
    preloaded = WITHOUT.replace("import sys\n", "import collections, sys\n")  # as pytest and pickle have it
    done = subprocess.run([sys.executable, "-c", preloaded], capture_output=True, text=True)
    assert done.stdout == "read only\n", done.stderr


@pytest.mark.skipif(sys.version_info < (3, 14), reason="annotations were texts or values before")
def test_a_module_whose_annotations_would_be_evaluated_is_named() -> None:
    script = "from wherry import typed\nclass Point(typed.NamedTuple):\n    x: int\n"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "Point: its module needs `from __future__ import annotations`" in done.stderr


V = TypeVar("V")


class Held(Generic[V]):
    def __init__(self, held: V) -> None:
        self.held = held


def test_generic_classes_are_classes_and_remember_no_parameters() -> None:
    assert Held(3).held == 3 and isinstance(Held("x"), Held) and Held.__bases__ == (Generic,)
