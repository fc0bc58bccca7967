"""``wherry build``."""

from __future__ import annotations

import contextlib
import os
import sys
import time

from wherry.app.outputs import check
from wherry.builder.output.options import STDOUT
from wherry.cli.builder.cluster_flags import CLUSTER_FLAGS, refuse_cluster_flags
from wherry.cli.core.flags import Command, Flag, Options
from wherry.errors import InvalidReferenceError, NeedsNamespace, UsageError
from wherry.runtime import PLAIN
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.app.build import Built
    from wherry.app.request import BuildRequest
    from wherry.builder.attest.options import Attest
    from wherry.builder.cache.options import SharedCache
    from wherry.builder.progress import Progress
    from wherry.registry.client import Registries
    from wherry.store import Store

COMMAND = Command(
    "build",
    "[OPTIONS] PATH | URL | -",
    (
        Flag("tag", "list", 'Name and optionally a tag (format: "name:tag")', short="t"),
        Flag("file", "string", 'Name of the Dockerfile (default: "PATH/Dockerfile")', short="f"),
        Flag("target", "string", "Set the target build stage to build"),
        Flag("build-arg", "list", "Set build-time variables", metavar="NAME=VALUE"),
        Flag("label", "list", "Set metadata for the image", metavar="NAME=VALUE"),
        Flag("no-cache", "bool", "Do not use the cache when building the image"),
        Flag(
            "reproducible",
            "bool",
            "Give the same image whenever and wherever it is built (as SOURCE_DATE_EPOCH does)",
        ),
        Flag("jobs", "int", "How many steps may run at once (default: two for each core, four at least)"),
        Flag("no-cache-filter", "list", "Do not cache specified stages", metavar="STAGE[,STAGE…]"),
        Flag(
            "progress",
            "string",
            "Set type of progress output",
            choices=("auto", "plain", "tty", "quiet", "rawjson"),
            default="auto",
        ),
        Flag("check", "bool", 'Shorthand for "--call=check"'),
        Flag(
            "call",
            "string",
            "Set method for evaluating build",
            metavar="check|outline|targets[,format=json]",
        ),
        Flag("platform", "list", "Set target platform for build", metavar="OS/ARCH[/VARIANT],…"),
        Flag(
            "build-context", "list", "Additional build contexts", metavar="NAME=PATH|URL|docker-image://REF"
        ),
        Flag("network", "string", "Set the networking mode for the RUN instructions", metavar="MODE"),
        Flag("add-host", "list", "Add a custom host-to-IP mapping", metavar="NAME:IP"),
        Flag("shm-size", "string", "Shared memory size for RUN instructions", metavar="BYTES"),
        Flag("ulimit", "list", "Ulimit options of RUN instructions", metavar="NAME=SOFT[:HARD]"),
        Flag("allow", "list", "Allow extra privileged entitlement", metavar="ENTITLEMENT"),
        Flag("squash", "bool", "Squash newly built layers into a single new layer"),
        Flag("pull", "bool", "Always attempt to pull all referenced images"),
        Flag("annotation", "list", "Add annotation to the image", metavar="[TYPE:]KEY=VALUE"),
        Flag("attest", "list", "Attestation parameters", metavar="type=sbom|provenance[,KEY=VALUE]"),
        Flag("sbom", "string", 'Shorthand for "--attest=type=sbom"', metavar="true|false"),
        Flag(
            "provenance", "string", 'Shorthand for "--attest=type=provenance"', metavar="true|mode=min|max"
        ),
        Flag("secret", "list", "Secret to expose to the build", metavar="id=ID[,src=FILE|,env=NAME]"),
        Flag("ssh", "list", "SSH agent socket to expose to the build", metavar="default|ID[=SOCKET]"),
        Flag(
            "output",
            "list",
            'Output destination (format: "type=local,dest=path")',
            short="o",
            metavar="DEST",
        ),
        Flag("load", "bool", 'Shorthand for "--output=type=docker"'),
        Flag(
            "cache-from",
            "list",
            'Shared caches to ask (e.g., "type=registry,ref=NAME")',
            metavar="NAME|type=TYPE,…",
        ),
        Flag(
            "cache-to",
            "list",
            'Where to keep what the build knows (e.g., "type=registry,ref=NAME,mode=max")',
            metavar="type=TYPE,…",
        ),
        Flag(
            "push",
            "bool",
            'Shorthand for "--output=type=registry"; with a name for "--tag=NAME", too',
            metavar="[=REGISTRY/NAME]",
            gives="tag",
        ),
        Flag("iidfile", "string", "Write the image ID to a file", metavar="FILE"),
        Flag("metadata-file", "string", "Write build result metadata to a file", metavar="FILE"),
        Flag("quiet", "bool", "Suppress the build output and print the image ID on success", short="q"),
        Flag("on", "string", "Build elsewhere", choices=("kubernetes",)),
        *CLUSTER_FLAGS,
    ),
    min_args=1,
    max_args=1,
)


def run(options: Options) -> int:
    from wherry.cli.builder.call import call
    from wherry.cli.builder.call import wanted as asked_call
    from wherry.cli.builder.outputs import remove_answers
    from wherry.store import Store

    # What is wrong with the words is said before anything is done.
    request = _request(options)
    method, as_json = asked_call(options)
    if method != "build":
        return call(Store.open(options.runtime), request, method, as_json=as_json)
    if options.string("on"):
        from wherry.cli.builder.kubernetes import build

        return build(COMMAND, options, request, _build_args(options))
    refuse_cluster_flags(options)
    check(request)
    remove_answers(options)
    store = Store.open(options.runtime)
    built = _build(store, request, options)
    _tell(options, request, built)
    _leave(store)
    return 0


def _leave(store: Store) -> None:
    """What is here need not be looked through once more for what is to be closed: a process ends, and of a
    build from the cache that is a tenth."""
    import gc

    store.database.close()
    gc.freeze()


def _request(options: Options) -> BuildRequest:
    """Raises UsageError."""
    from wherry.app.request import BuildRequest
    from wherry.builder.options import BuildOptions
    from wherry.cli.builder.outputs import outputs
    from wherry.cli.builder.sandbox import platforms, sandbox
    from wherry.cli.builder.secrets import given

    context, file = options.args[0], options.string("file")
    names = _tags(options)
    requested = outputs(options)
    cache_to, cache_from = _shared_caches(options)
    chosen = platforms(options)
    return BuildRequest(
        context,
        BuildOptions(
            chosen[0],
            target=options.string("target"),
            args=_build_args(options),
            labels=_pairs(options.strings("label"), "label"),
            no_cache=options.flag("no-cache"),
            no_cache_filter=_names(options.strings("no-cache-filter")),
            jobs=_jobs(options.integer("jobs")),
            given=given(options.strings("secret"), options.strings("ssh")),
            sandbox=sandbox(options),
            squash=options.flag("squash"),
            origin=_origin(context, file, names),
            reproducible=options.flag("reproducible"),
            pull=options.flag("pull"),
            cache_from=cache_from,
        ),
        file,
        platforms=chosen if options.strings("platform") else (),
        outputs=requested,
        contexts=tuple(options.strings("build-context")),
        cache_to=tuple(cache_to),
        stdin=lambda: open(0, "rb", closefd=False),
        lint=not _is_quiet(options),
        describe=options.string("metadata-file") is not None,
        attest=_attest(options),
    )


def _attest(options: Options) -> Attest | None:
    """Most builds ask for nothing, and start without the code of it."""
    words, sbom, provenance = (
        options.strings("attest"),
        options.string("sbom"),
        options.string("provenance"),
    )
    if not words and sbom is None and provenance is None:
        return None
    from wherry.builder.attest.options import parse_attest

    return parse_attest(words, sbom, provenance)


def _tags(options: Options) -> list[str]:
    from wherry.oci.reference import parse

    names = options.strings("tag")
    for name in names:
        try:
            parse(name)
        except InvalidReferenceError as error:
            raise UsageError(
                f'invalid argument for "-t, --tag": {error.message}', hint=error.hint
            ) from None
    return names


def _is_quiet(options: Options) -> bool:
    return options.flag("quiet") or options.string("progress") == "quiet"


def _build(store: Store, request: BuildRequest, options: Options) -> Built:
    """What happens is shown on the way; nothing of it where the build is to begin again in a namespace."""
    from wherry.app.build import build_images
    from wherry.cli.builder.outputs import write_answers
    from wherry.cli.builder.progress import Deferred, make_progress

    shown = make_progress("quiet" if _is_quiet(options) else options.string("progress") or "auto")
    deferred = Deferred(shown) if options.runtime.identity == PLAIN else None
    progress = deferred or shown
    try:
        with _recorded(shown, store, options):
            built = build_images(store, request, progress, _registries)
        write_answers(options, request, built)
        if options.string("progress") == "rawjson":
            _answer(shown, request, built)
        return built
    except KeyboardInterrupt:
        progress.note("canceled: what was finished stays in the cache")
        raise
    except NeedsNamespace:
        deferred = None  # the second start tells it all again
        raise
    finally:
        progress.close()
        if deferred:
            deferred.release()


@contextlib.contextmanager
def _recorded(progress: Progress, store: Store, options: Options) -> Iterator[None]:
    """Whoever asked for lines of JSON is told what was done, however it ends."""
    began = time.time()
    try:
        yield
    finally:
        if options.string("progress") == "rawjson" and not options.flag("quiet"):
            from wherry.app.builds import builds_since
            from wherry.builder.rawjson import RawJson

            assert isinstance(progress, RawJson)  # noqa: S101
            for record in builds_since(store, began):
                progress.record(record)


def _answer(progress: Progress, request: BuildRequest, built: Built) -> None:
    """What was built, as the last line of JSON."""
    from wherry.builder.rawjson import RawJson
    from wherry.cli.builder.outputs import metadata

    if isinstance(progress, RawJson):
        progress.answer(metadata(request, built))


def _tell(options: Options, request: BuildRequest, built: Built) -> None:
    if built.findings:
        from wherry.dockerfile.lint.show import short
        from wherry.remote.urls import shown

        print(f"\n{shown(short(list(built.findings)))}", file=sys.stderr)
    for name in built.unused_args:
        print(f"warning: [Warning] One or more build-args [{name}] were not consumed", file=sys.stderr)
    gives_image = any(not output.is_files for output in request.outputs)
    if _is_quiet(options):
        if gives_image and all(output.dest != STDOUT for output in request.outputs):
            print(built.image)
        return
    for name in built.names:
        print(f"naming to {name}", file=sys.stderr)
    if gives_image:
        print(f"image {built.image}", file=sys.stderr)


def _origin(path: str, file: str | None, names: list[str]) -> tuple[str, str, tuple[str, ...]]:
    """What the build is of, as its record calls it: builds of the same files are compared."""
    local = path != "-" and os.path.isdir(path)
    from wherry.remote.urls import shown

    context = os.path.abspath(path) if local else shown(path)
    dockerfile = os.path.abspath(file or f"{path}/Dockerfile") if local and file != "-" else file
    return context, dockerfile or "", tuple(names)


def _shared_caches(options: Options) -> tuple[Sequence[SharedCache], Sequence[SharedCache]]:
    """Those of --cache-to, and of --cache-from.  Most builds have none, and start without their code."""
    to, from_ = options.strings("cache-to"), options.strings("cache-from")
    if not to and not from_:
        return (), ()
    from wherry.builder.cache.options import parse_from, parse_to

    return list(map(parse_to, to)), list(map(parse_from, from_))


def _registries() -> Registries:
    from wherry.cli.registry.client import registries

    return registries()


def _names(words: list[str]) -> tuple[str, ...]:
    """Lists with commas, the flag given any number of times."""
    return tuple(name for word in words for name in word.split(",") if name)


def _build_args(options: Options) -> dict[str, str]:
    """Those of the command line; as in buildx, the time of a reproducible build may come from outside."""
    args = _pairs(options.strings("build-arg"), "build-arg")
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch:
        args.setdefault("SOURCE_DATE_EPOCH", epoch)
    return args


def _pairs(words: list[str], flag: str) -> dict[str, str]:
    """``NAME=VALUE``; for --build-arg also ``NAME``, whose value is the environment's, if it has one."""
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name:
            raise UsageError(f'invalid argument "{word}" for --{flag}: the name is missing')
        if not equals and flag == "build-arg":
            if name in os.environ:
                found[name] = os.environ[name]
            continue
        found[name] = value
    return found


def _jobs(number: int | None) -> int:
    """By default more than there are cores: a step waits for disks and networks as often as it computes."""
    if number is None:
        return max(4, 2 * len(os.sched_getaffinity(0)))
    if number < 1:
        raise UsageError(f'invalid argument "{number}" for "--jobs" flag: at least one step has to run')
    return number
