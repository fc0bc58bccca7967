"""A build in pods of a Kubernetes cluster: its context, its cache and its image go by a registry."""

from __future__ import annotations

import os
import queue
import re
import threading
from typing import TYPE_CHECKING, NamedTuple

from wherry.app.fetch import AT_REGISTRY, is_remote
from wherry.app.opened import opened
from wherry.builder.context import artifact
from wherry.builder.context.artifact import Recipe
from wherry.builder.progress import underway
from wherry.errors import UnsupportedError, UsageError, WherryError
from wherry.jobs import manifest
from wherry.jobs.credentials import certificates, docker_config, registries_conf
from wherry.jobs.run import Outcome, run
from wherry.jobs.stages import StagePod, apart, images
from wherry.oci.reference import Reference, parse
from wherry.registry.endpoints import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wherry.app.opened import Opened
    from wherry.app.request import BuildRequest
    from wherry.builder.context.folder import Context
    from wherry.builder.plan.graph import Plan
    from wherry.builder.progress import Progress
    from wherry.jobs.cluster import Jobs
    from wherry.jobs.manifest import Given
    from wherry.jobs.options import PodOptions
    from wherry.registry.client import Registries
    from wherry.store import Store

CACHE = "buildcache"
LONGEST_NAME = 100
"""Characters of a stage's name in a tag, which has 128 at most."""
LEAVE = 20.0
"""Seconds in which pods that are told to end do."""


class OnKubernetes(NamedTuple):
    """What is asked beside the request.

    `words` are the flags of ``wherry build`` for all pods, `last` those for the pod that gives the image;
    neither speaks of contexts and secrets.  `parallel` is how many pods may run at once.
    """

    pod: PodOptions
    words: tuple[str, ...]
    last: tuple[str, ...]
    parallel: int = 1


class _Sent(NamedTuple):
    """`words` name the contexts as they lie at the registry, `context` is the build's own."""

    words: tuple[str, ...]
    context: str
    plan: Plan | None = None
    images: tuple[str, ...] = ()


def build_on_kubernetes(
    store: Store,
    request: BuildRequest,
    asked: OnKubernetes,
    jobs: Jobs,
    registries: Callable[[], Registries],
    progress: Progress,
) -> Outcome:
    """Build in pods, and push from there; the code that the build ended with, and what it said.

    Nothing stays in the cluster, however it ends.  Raises UsageError and UnsupportedError for what does not
    go there, before anything is done; ContextError, RegistryError, ClusterError.
    """
    names = checked(request)
    repository = names[0]
    client = registries()
    try:
        sent = _send(store, request, repository, client, progress)
        cached = _caches(request, repository)
        given = _given(client, request, asked, [*names, *cached, *_references(sent.images)])
    finally:
        client.close()
    stages = apart(sent.plan) if asked.parallel > 1 and sent.plan is not None else ()
    words = _Words(request, asked, sent, repository, stages)
    build = _Builds(jobs, given, asked, progress, repository)
    return build.all(stages, words)


def checked(request: BuildRequest) -> list[Reference]:
    """The names that are pushed.  Raises UsageError, UnsupportedError."""
    for output in request.outputs:
        if output.dest:
            raise UnsupportedError(
                f"--output type={output.type} is not for --on kubernetes: the image is made in a pod",
                hint="push it, and then: wherry pull NAME, wherry save, wherry export",
            )
    names = [parse(name) for output in request.outputs if output.push for name in output.names]
    if not names:
        raise UsageError(
            "--on kubernetes needs a registry that the pods and this machine reach: nothing is pushed",
            hint="-t REGISTRY/NAME:TAG --push",
        )
    for name in names:
        if is_loopback(name.domain):
            raise UsageError(
                f"{name.domain} is the pod itself where a pod asks for it",
                hint="name a registry by an address that pods reach, too",
            )
    if any(cache.type == "local" for cache in (*request.cache_to, *request.options.cache_from)):
        raise UnsupportedError("a cache of type local is not for --on kubernetes", hint="type=registry")
    if request.options.given is not None and request.options.given.agents:
        raise UnsupportedError("--ssh is not for --on kubernetes: a pod does not reach the agent")
    return names


def _send(
    store: Store, request: BuildRequest, repository: Reference, client: Registries, progress: Progress
) -> _Sent:
    """Have all contexts that are on this machine at the registry."""
    if request.context != "-" and is_remote(request.context):
        if request.contexts:
            raise UnsupportedError(
                "--build-context with a remote context is not for --on kubernetes", hint="clone it first"
            )
        file = (f"--file={request.file}",) if request.file else ()
        return _Sent(file, request.context)
    with opened(store, request) as found:
        place = _sent(store, found.context(), _recipe(found), repository, client, progress, "context")
        words = [
            f"--build-context={_named(store, word, found, repository, client, progress)}"
            for word in request.contexts
        ]
        plan, names = _planned(found)
    return _Sent(tuple(words), place, plan, names)


def _recipe(found: Opened) -> Recipe:
    patterns = found.context().ignore.patterns
    rules = "".join(f"{pattern.written}\n" for pattern in patterns)
    return Recipe(found.dockerfile.text, os.path.basename(found.dockerfile.name), rules)


def _sent(
    store: Store,
    context: Context,
    recipe: Recipe,
    repository: Reference,
    client: Registries,
    progress: Progress,
    what: str,
) -> str:
    target = client.target(repository)
    with underway(progress, f"[cluster] sending {what} to {target.name}") as step:
        digest = artifact.send(store, context, recipe, target, lambda text: step.output(text.encode()))
    context.save()
    return f"{AT_REGISTRY}{repository.domain}/{repository.path}@{digest}"


def _named(
    store: Store,
    word: str,
    found: Opened,
    repository: Reference,
    client: Registries,
    progress: Progress,
) -> str:
    """``NAME=WHERE`` as a pod may ask for it."""
    name, _, value = word.partition("=")
    scheme, separator, _rest = value.partition("://")
    if separator and scheme == "oci-layout":
        raise UnsupportedError(
            f"--build-context {name}=oci-layout://… is not for --on kubernetes",
            hint="push the image, and say docker-image://NAME",
        )
    folder = found.options.contexts[name.lower()].folder
    if is_remote(value) or folder is None:
        return word
    return f"{name}={_sent(store, folder(), Recipe(), repository, client, progress, f'context {name}')}"


def _planned(found: Opened) -> tuple[Plan, tuple[str, ...]]:
    """The stages, as far as can be told without the images that they begin with, and those images."""
    from wherry.builder.plan.graph import Names, make_plan, meta_scope
    from wherry.builder.plan.platforms import platform_args
    from wherry.sandbox.machine import machine

    options, dockerfile = found.options, found.dockerfile
    target = options.target or dockerfile.stages[-1].name
    scope = meta_scope(dockerfile, options.args, platform_args(machine(), options.platform, target))
    plan = make_plan(dockerfile, options.target, scope, elsewhere=options.contexts)
    return plan, tuple(images(plan, Names(dockerfile, options.contexts)))


def _caches(request: BuildRequest, repository: Reference) -> list[Reference]:
    given = (*request.cache_to, *request.options.cache_from)
    return [parse(cache.place) for cache in given if cache.type == "registry"] or [repository]


def _references(texts: Sequence[str]) -> list[Reference]:
    found = []
    for text in texts:
        try:
            found.append(parse(text))
        except WherryError:
            continue  # the build itself says what is wrong with it
    return found


def _given(
    client: Registries, request: BuildRequest, asked: OnKubernetes, names: Sequence[Reference]
) -> Given:
    names = list(dict.fromkeys([*names, parse(asked.pod.image)]))
    secrets = request.options.given.secrets if request.options.given is not None else {}
    return manifest.Given(
        docker_config(client.settings, names),
        registries_conf(client.settings, names),
        {_key(number): secret.read() for number, secret in enumerate(secrets.values())},
        certificates(client.settings, names),
    )


def _key(number: int) -> str:
    """Of a Secret: ids of secrets may have letters that keys have not."""
    return f"secret-{number}"


def _quoted(field: str) -> str:
    """One field of comma-separated values (RFC 4180)."""
    return '"' + field.replace('"', '""') + '"'


class _Words:
    """The command lines of the pods."""

    def __init__(
        self,
        request: BuildRequest,
        asked: OnKubernetes,
        sent: _Sent,
        repository: Reference,
        stages: Sequence[StagePod],
    ) -> None:
        given = request.options.given
        secrets = given.secrets if given is not None else {}
        self._common = (
            "build",
            "--progress=rawjson",
            *asked.words,
            *(
                f"--secret={_quoted(f'id={name}')},src={manifest.GIVEN}/{_key(number)}"
                for number, name in enumerate(secrets)
            ),
            *sent.words,
        )
        self._asked = asked
        self._sent = sent
        self._shared = bool(request.cache_to), bool(request.options.cache_from)
        self._cache = f"{repository.domain}/{repository.path}:{CACHE}"
        self._froms = tuple(_read(self._stage_cache(stage)) for stage in stages)

    def stage(self, stage: StagePod) -> list[str]:
        """Of a pod that builds a stage into a cache of its own."""
        words = [f"--target={stage.number}", _read(self._cache), *self._froms]
        return [*self._common, *words, _written(self._stage_cache(stage)), self._sent.context]

    def last(self) -> list[str]:
        """Of the pod that gives the image."""
        to, from_ = self._shared
        words = [*self._asked.last, *self._froms]
        words += [] if from_ else [_read(self._cache)]
        words += [] if to else [_written(self._cache)]
        return [*self._common, *words, self._sent.context]

    def _stage_cache(self, stage: StagePod) -> str:
        return f"{self._cache}-{stage.name}"[: len(self._cache) + LONGEST_NAME]


def _read(place: str) -> str:
    return f"--cache-from=type=registry,ref={place},ignore-error=true"


def _written(place: str) -> str:
    return f"--cache-to=type=registry,ref={place},mode=max,checkpoint=true,ignore-error=true"


class _Builds:
    """All pods of one command."""

    def __init__(
        self, jobs: Jobs, given: Given, asked: OnKubernetes, progress: Progress, repository: Reference
    ) -> None:
        self._jobs = jobs
        self._given = given
        self._asked = asked
        self._progress = progress
        self._stop = threading.Event()
        self._base = re.sub("[^a-z0-9-]+", "-", repository.path.rpartition("/")[2])[:30].strip("-")
        self._mark = os.urandom(4).hex()

    def all(self, stages: Sequence[StagePod], words: _Words) -> Outcome:
        """The stages, each as soon as what it needs is there, then the image.  A failure ends all."""
        if stages:
            failed = self._stages({stage.number: stage for stage in stages}, words)
            if failed is not None:
                return failed
        return self._run("", words.last())

    def _run(self, suffix: str, words: Sequence[str]) -> Outcome:
        name = f"wherry-{self._base}-{self._mark}{suffix}"
        return run(self._jobs, name, words, self._given, self._asked.pod, self._progress, self._stop)

    def _stages(self, stages: Mapping[int, StagePod], words: _Words) -> Outcome | None:
        """What the first stage that failed gave; None where all are in the cache."""
        from graphlib import TopologicalSorter

        sorter = TopologicalSorter({number: stage.needs for number, stage in stages.items()})
        sorter.prepare()
        ended: queue.Queue[tuple[int, Outcome | BaseException]] = queue.Queue()
        waiting: list[int] = []
        running: dict[int, threading.Thread] = {}

        def one(number: int) -> None:
            try:
                result: Outcome | BaseException = self._run(f"-{number}", words.stage(stages[number]))
            except BaseException as error:
                result = error
            ended.put((number, result))

        try:
            while sorter.is_active():
                waiting += sorter.get_ready()
                while waiting and len(running) < self._asked.parallel:
                    number = waiting.pop(0)
                    running[number] = threading.Thread(target=one, args=(number,), daemon=True)
                    running[number].start()
                number, result = ended.get()
                del running[number]
                if isinstance(result, BaseException):
                    raise result
                if result.code:
                    return result
                sorter.done(number)
            return None
        finally:
            self._leave(list(running.values()))

    def _leave(self, threads: Sequence[threading.Thread]) -> None:
        """End the pods that still run: their logs end with them."""
        if not threads:
            return
        self._stop.set()
        self._jobs.delete_all()
        for thread in threads:
            thread.join(LEAVE)
