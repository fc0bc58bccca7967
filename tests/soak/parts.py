"""The parts of a soak, and what they share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.soak.command import everyone
from tests.soak.corrupt import Corrupt
from tests.soak.crowd import Crowd
from tests.soak.disk import Disks, Failing, FailingDatabase
from tests.soak.kill import Kill, Kills
from tests.soak.library import Library
from tests.soak.model import Inputs, Model, make_model, write_inputs
from tests.soak.power import Power
from tests.soak.readonly import ReadOnly
from tests.soak.report import Report


class Session:
    """One soak: a folder, a seed, and for each user a model, made when it is first asked for."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.seed = seed
        self.report = Report(seed)
        self.users = everyone(folder)
        self.inputs: Inputs = write_inputs(folder / "inputs")
        self._models: dict[str, Model] = {}
        self._libraries: dict[str, Library] = {}

    def model(self, user: str) -> Model:
        if user not in self._models:
            self._models[user] = make_model(self.folder / f"model-{user}", self.users[user], self.inputs)
        return self._models[user]

    def library(self, user: str) -> Library:
        if user not in self._libraries:
            self._libraries[user] = Library(self.model(user), self.users[user], self.folder)
        return self._libraries[user]


Run = Callable[[Session, float, list[str]], None]


class Part(NamedTuple):
    """`share` of the minutes, beside those of the others.  `run` is given the moment to end at, and the
    words of ONLY= after the part's name."""

    name: str
    share: float
    run: Run


def _kills(part: str, user: str, kind: type[Kill]) -> Run:
    def run(session: Session, until: float, only: list[str]) -> None:
        Kills(session.library(user), part, session.report, session.seed, kind).run(until, only)

    return run


def _whole(kind: type[Crowd | Corrupt | Disks | ReadOnly | Power], user: str = "root") -> Run:
    def run(session: Session, until: float, only: list[str]) -> None:
        who = session.users[user]
        kind(session.model(user), who, session.folder, session.report, session.seed).run(until, only)

    return run


PARTS = (
    Part("kills", 8, _kills("kills", "root", Kill)),
    Part("kills-plain", 3, _kills("kills-plain", "plain", Kill)),
    Part("kills-chroot", 3, _kills("kills-chroot", "chroot", Kill)),
    Part("crowd", 3, _whole(Crowd)),
    Part("crowd-plain", 1, _whole(Crowd, "plain")),
    Part("crowd-chroot", 1, _whole(Crowd, "chroot")),
    Part("corrupt", 5, _whole(Corrupt)),
    Part("disk", 2, _whole(Disks)),
    Part("errors", 3, _kills("errors", "root", Failing)),
    Part("errors-db", 1, _kills("errors-db", "root", FailingDatabase)),
    Part("readonly", 1, _whole(ReadOnly)),
    Part("power", 3, _whole(Power)),
)
