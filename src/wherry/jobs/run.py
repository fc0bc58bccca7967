"""One Job, from its creation to its end: its pods, one after the other, and what they say."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from wherry.builder.rawjson import Replay
from wherry.errors import ClusterError
from wherry.jobs import manifest, status
from wherry.jobs.status import OOM
from wherry.kube.faults import FORBIDDEN, SILENT, Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from wherry.builder.progress import Progress
    from wherry.jobs.cluster import Jobs
    from wherry.jobs.manifest import Given
    from wherry.jobs.options import PodOptions
    from wherry.jobs.status import Pod

UNENDING = 30.0
"""Seconds for a pod to end that has been told to: its grace are two."""
TRIES = 5
"""To read the rest of a log."""
LACKS = "the image is at the registry, and --iidfile and --metadata-file have nothing"
LOOK = 0.3
"""Seconds between two looks at the objects of a build."""


class Outcome(NamedTuple):
    """`code` is the build's exit code, `said` the lines that were no progress, `answer` what it gave,
    `records` what it did, and `stages` what was done before it in other pods (store.buildrecord)."""

    code: int
    said: tuple[str, ...]
    answer: Mapping[str, Any]
    records: tuple[Mapping[str, Any], ...] = ()
    stages: tuple[Mapping[str, Any], ...] = ()


class _Unending(Exception):
    """The pod of that name has been told to end, and nobody says that it has."""


class Stopped(Exception):
    """Another build of the same command failed, or somebody has enough."""


def run(
    jobs: Jobs,
    name: str,
    words: Sequence[str],
    given: Given,
    options: PodOptions,
    progress: Progress,
    stop: threading.Event,
) -> Outcome:
    """Run ``wherry`` with these words in a pod.  However it ends, nothing of it stays in the cluster.

    A Job waits for a pod that has to end and does not, whose node is gone: another Job is made then.
    Raises ClusterError for all that is not the build's own failure.
    """
    for number in range(options.retries + 1):
        try:
            own = f"{name}-again{number}" if number else name
            return _run(jobs, own, words, given, options, progress, stop)
        except _Unending as error:
            lost = f"pod {error} was lost: it has to end, and its node does not answer"
            if number < options.retries:
                progress.note(f"{lost}; another one goes on from the cache")
    raise ClusterError(
        f"{lost}, as those before it", hint="kubectl get nodes; what was finished is in the cache"
    )


def _run(
    jobs: Jobs,
    name: str,
    words: Sequence[str],
    given: Given,
    options: PodOptions,
    progress: Progress,
    stop: threading.Event,
) -> Outcome:
    created = jobs.create(manifest.job(name, words, options, tuple(given.certificates)))
    uid = str(created["metadata"]["uid"])
    try:
        jobs.create_secret(manifest.secret(name, given, {"name": name, "uid": uid}))
        return _Run(jobs, name, uid, options, progress, stop).outcome()
    finally:
        jobs.delete(name, uid)


class _Run:
    def __init__(
        self,
        jobs: Jobs,
        name: str,
        uid: str,
        options: PodOptions,
        progress: Progress,
        stop: threading.Event,
    ) -> None:
        self._jobs = jobs
        self._name = name
        self._uid = uid
        self._options = options
        self._progress = progress
        self._stop = stop
        self._replay = Replay(progress)
        self._said: list[str] = []
        self._done: set[str] = set()
        self._noted = ""
        self._out_of_memory = False

    def outcome(self) -> Outcome:
        try:
            while True:
                one = self._running()
                ended = self._followed(one)
                if ended.has_result:
                    assert ended.code is not None  # noqa: S101
                    return Outcome(
                        ended.code,
                        tuple(self._said),
                        self._replay.answer or {},
                        tuple(self._replay.records),
                    )
                self._lost(ended)
        finally:
            self._replay.cancel()

    def _running(self) -> Pod:
        """The next pod, once its container has begun.  Raises ClusterError where that takes too long."""
        step = self._progress.begin(f"[cluster] starting a pod for {self._name}")
        step.working()
        try:
            one = self._started(step.output)
        except BaseException:
            step.fail()
            raise
        step.end(cached=False)
        return one

    def _started(self, say: Callable[[bytes], object]) -> Pod:
        deadline = time.monotonic() + self._options.timeout
        noted = ""
        while True:
            one = next((p for p in self._jobs.pods(self._name) if p.uid not in self._done), None)
            if one is not None and (one.runs or one.ended) and one.reason not in status.NO_START:
                say(f"pod {one.name}\n".encode())
                return one
            warnings = self._jobs.warnings(one.uid if one is not None else self._uid)
            hindered = status.obstacle(one, warnings, self._options)
            if hindered is not None and hindered.final:
                raise ClusterError(hindered.message, hint=hindered.hint)
            if one is None:
                self._check_job()
            if time.monotonic() > deadline:
                raise self._late(hindered)
            if hindered is not None and hindered.message != noted:
                noted = hindered.message
                say(f"{noted}\n".encode())
            self._pause()

    def _late(self, hindered: status.Obstacle | None) -> ClusterError:
        seconds = self._options.timeout
        if hindered is None:
            return ClusterError(
                f"no pod of the Job {self._name} runs after {seconds} s",
                hint=f"kubectl -n {self._jobs.namespace} get events; --driver-opt timeout=10m waits longer",
            )
        return ClusterError(f"{hindered.message} (after {seconds} s)", hint=hindered.hint)

    def _check_job(self) -> None:
        """Raises ClusterError where no pod will come any more."""
        job = self._jobs.job(self._name)
        if job is None:
            raise ClusterError(f"the Job {self._name} was removed by somebody else", hint="build again")
        reason = status.failed(job)
        if reason == "DeadlineExceeded":
            raise ClusterError(
                f"the build took more than its {self._options.deadline} s",
                hint="--driver-opt deadline=6h gives it more; what was finished is in the cache",
            )
        if reason:
            lost = f"{self._noted}; " if self._noted else ""
            raise ClusterError(
                f"{lost}the Job {self._name} has no more tries ({reason})",
                hint="--driver-opt limits.memory=…, limits.ephemeral-storage=… give its pods more, "
                "retries=… more tries; what was finished is in the cache",
            )

    def _followed(self, one: Pod) -> Pod:
        """Tell what a pod says until it ends; how it ended."""
        reader = _Reader(self._jobs, one.name, self._line)
        noted = ""
        leaving = 0.0
        while True:
            at_end = reader.read(self._stop)
            now = next((p for p in self._jobs.pods(self._name) if p.uid == one.uid), None)
            if now is None:
                return one._replace(ended=True, reason="", code=None)
            if now.code is not None or now.ended:
                # A node that begins another file (at 10 MiB) may follow the old one to its end.
                if not at_end or (now.code == 0 and self._replay.answer is None):
                    self._finish(reader)
                if now.code == 0 and self._replay.answer is None:
                    self._progress.note(f"the end of the log of pod {one.name} is gone: {LACKS}")
                return now
            leaving = leaving or (time.monotonic() if now.leaving else 0.0)
            if leaving and time.monotonic() - leaving > UNENDING:
                raise _Unending(one.name)
            if reader.fault and reader.fault != noted:
                noted = reader.fault
                self._progress.note(f"the log of pod {one.name} is tried again: {noted}")
            self._pause()

    def _finish(self, reader: _Reader) -> None:
        """Read what is left of the log of a pod that has ended."""
        for _ in range(TRIES):
            if reader.read(self._stop):
                return
            self._pause()
        self._progress.note(f"the log was not read to its end: {reader.fault}")

    def _line(self, line: bytes) -> None:
        if not self._replay.line(line):
            self._said.append(line.decode("utf-8", "replace"))

    def _lost(self, one: Pod) -> None:
        self._done.add(one.uid)
        if one.reason == OOM and self._out_of_memory:
            raise ClusterError(
                f"memory ran out in pod {one.name}, and in one before it",
                hint="--driver-opt limits.memory=8Gi gives it more; what was finished is in the cache",
            )
        self._out_of_memory = one.reason == OOM
        self._said.clear()
        self._replay.records.clear()
        self._replay.cancel()
        self._noted = f"pod {one.name} was lost: {status.loss(one)}"
        self._progress.note(f"{self._noted}; another one goes on from the cache")

    def _pause(self) -> None:
        if self._stop.wait(LOOK):
            raise Stopped


class _Reader:
    """The log of a pod, line by line, each once, however often the connection breaks."""

    def __init__(self, jobs: Jobs, pod: str, tell: Callable[[bytes], object]) -> None:
        self._jobs = jobs
        self._pod = pod
        self._tell = tell
        self._last = b""
        self._told = False
        self.fault = ""
        """Why it was not read to its end."""

    def read(self, stop: threading.Event) -> bool:
        """Read on.  Whether it came to an end in order."""
        self._told = bool(self._last)
        since = re.sub(rb"\.[0-9]+", b"", self._last).decode("ascii", "replace")  # in the node's time zone
        self.fault = ""
        try:
            with contextlib.closing(self._jobs.log(self._pod, since)) as lines:
                for line in lines:
                    self._one(line)
                    if stop.is_set():
                        raise Stopped
        except Failed as failed:
            if failed.fault.kind == FORBIDDEN:
                raise ClusterError(failed.fault.message, hint=failed.fault.hint) from None
            if failed.fault.kind != SILENT:  # a step may be
                self.fault = failed.fault.message
            return False
        return True

    def _one(self, line: bytes) -> None:
        """The first lines of a connection may have come by the one before.  Those after them are new,
        whatever their times: a node's clock may be set back."""
        stamp, space, text = line.partition(b" ")
        if not space or (self._told and stamp <= self._last):
            return
        self._told = False
        self._last = stamp
        self._tell(text)
