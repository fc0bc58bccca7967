"""A build in pods of a Kubernetes cluster: its context, its cache and its image go by a registry."""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from wherry.app.builds import remember
from wherry.app.fetch import AT_REGISTRY, is_remote
from wherry.app.opened import opened
from wherry.builder.context import artifact
from wherry.builder.context.artifact import Recipe
from wherry.builder.progress import underway
from wherry.builder.transfers import Told
from wherry.errors import UnsupportedError, UsageError, WherryError
from wherry.jobs import builds, manifest
from wherry.jobs.credentials import certificates, docker_config, registries_conf
from wherry.jobs.stages import apart, images
from wherry.jobs.words import Words, secret_flag, secret_key
from wherry.oci.reference import Reference, parse
from wherry.registry.endpoints import is_loopback
from wherry.registry.progress import PUSHING
from wherry.remote.urls import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.app.opened import Opened
    from wherry.app.request import BuildRequest
    from wherry.builder.context.folder import Context
    from wherry.builder.plan.graph import Plan
    from wherry.builder.progress import Progress
    from wherry.jobs.cluster import Jobs
    from wherry.jobs.manifest import Given
    from wherry.jobs.options import PodOptions
    from wherry.jobs.run import Outcome
    from wherry.registry.client import Registries
    from wherry.store import Store


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
    """Build in pods, and push from there; the code that the build ended with, and what it said.  What the
    pods did is remembered here.

    Nothing stays in the cluster, however it ends.  Raises UsageError and UnsupportedError for what does not
    go there, before anything is done; ContextError, RegistryError, ClusterError.
    """
    began = time.time()
    names = checked(request)
    repository = names[0]
    client = registries()
    try:
        sent = _send(store, request, repository, client, progress)
        cached = _caches(request, repository)
        given = _given(client, request, asked, [*names, *cached, *_references(sent.images)])
    finally:
        client.close()
    words = _words(request, asked, sent, repository)
    outcome = builds.build(jobs, words, given, asked.pod, progress, parallel=asked.parallel)
    for record in outcome.records:
        remember(store, record, request.options.origin, began, outcome.stages)
    return outcome


def checked(request: BuildRequest) -> list[Reference]:
    """The names that are pushed.  Raises UsageError, UnsupportedError."""
    for output in request.outputs:
        if output.dest or output.type == "docker":  # --load
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
    for word in (request.context, *request.contexts):
        if shown(word) != word:
            raise UnsupportedError(
                f"{shown(word)} has credentials in it, which whoever reads the Job would read",
                hint="--secret id=GIT_AUTH_TOKEN,src=FILE gives them to git",
            )
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
        digest = artifact.send(
            store,
            context,
            recipe,
            target,
            lambda text: step.output(text.encode()),
            partial(Told(step).layer, what, PUSHING),
        )
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
        {secret_key(number): secret.read() for number, secret in enumerate(secrets.values())},
        certificates(client.settings, names),
    )


def _words(request: BuildRequest, asked: OnKubernetes, sent: _Sent, repository: Reference) -> Words:
    given = request.options.given
    secrets = [secret_flag(*pair) for pair in enumerate(given.secrets if given is not None else ())]
    # Without the cache the last pod would have nothing of what the others made.
    apart_ = sent.plan is not None and asked.parallel > 1 and not request.options.no_cache
    return Words(
        (*asked.words, *secrets, *sent.words),
        asked.last,
        sent.context,
        f"{repository.domain}/{repository.path}",
        apart(sent.plan) if apart_ and sent.plan is not None else (),
        write=bool(request.cache_to),
    )
