"""The parts of a soak, and what they share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.soak.command import everyone
from tests.soak.corrupt import Corrupt
from tests.soak.crowd import Crowd
from tests.soak.disk import Disks, Errors, Failing, FailingDatabase
from tests.soak.kill import Kill, Kills
from tests.soak.model import Inputs, Model, make_model, write_inputs
from tests.soak.power import Power
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

    def model(self, user: str) -> Model:
        if user not in self._models:
            self._models[user] = make_model(self.folder / f"model-{user}", self.users[user], self.inputs)
        return self._models[user]


class Part(NamedTuple):
    """`share` of the minutes, beside those of the others."""

    name: str
    share: float
    run: Callable[[Session, float, list[str]], None]


def _kills(user: str) -> Callable[[Session, float, list[str]], None]:
    def run(session: Session, until: float, only: list[str]) -> None:
        who = session.users[user]
        Kills(session.model(user), who, session.folder, session.report, session.seed).run(until, only)

    return run


def _crowd(user: str) -> Callable[[Session, float, list[str]], None]:
    def run(session: Session, until: float, only: list[str]) -> None:
        who = session.users[user]
        Crowd(session.model(user), who, session.folder, session.report, session.seed).run(until, only)

    return run


def _corrupt(session: Session, until: float, only: list[str]) -> None:
    who = session.users["root"]
    Corrupt(session.model("root"), who, session.folder, session.report, session.seed).run(until, only)


def _disk(session: Session, until: float, only: list[str]) -> None:
    who = session.users["root"]
    Disks(session.model("root"), who, session.folder, session.report, session.seed).run(until, only)


def _power(session: Session, until: float, only: list[str]) -> None:
    who = session.users["root"]
    Power(session.model("root"), who, session.folder, session.report, session.seed).run(until, only)


def _errors(kind: type[Kill], part: str) -> Callable[[Session, float, list[str]], None]:
    def run(session: Session, until: float, only: list[str]) -> None:
        rest = (session.model("root"), session.users["root"], session.folder, session.report, session.seed)
        Errors(kind, part, *rest).run(until, only)

    return run


PARTS = (
    Part("kills", 8, _kills("root")),
    Part("kills-plain", 2, _kills("plain")),
    Part("kills-chroot", 2, _kills("chroot")),
    Part("crowd", 3, _crowd("root")),
    Part("crowd-plain", 1, _crowd("plain")),
    Part("crowd-chroot", 1, _crowd("chroot")),
    Part("corrupt", 4, _corrupt),
    Part("disk", 2, _disk),
    Part("power", 3, _power),
    Part("errors", 2, _errors(Failing, "errors")),
    Part("errors-db", 1, _errors(FailingDatabase, "errors-db")),
)
