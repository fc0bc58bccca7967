"""``wherry build``."""

from __future__ import annotations

import os
import sys

from wherry.cli.core.flags import TRUE, Command, Flag, Options
from wherry.errors import DockerfileError, InvalidReferenceError, NeedsNamespace, UsageError
from wherry.runtime import PLAIN
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.builder.cache.options import SharedCache
    from wherry.registry.client import Registries

CHECK = "BUILDKIT_DOCKERFILE_CHECK"

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
            choices=("auto", "plain", "tty", "quiet"),
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
        Flag("push", "bool", 'Shorthand for "--output=type=registry"'),
        Flag("iidfile", "string", "Write the image ID to a file", metavar="FILE"),
        Flag("metadata-file", "string", "Write build result metadata to a file", metavar="FILE"),
        Flag("quiet", "bool", "Suppress the build output and print the image ID on success", short="q"),
    ),
    min_args=1,
    max_args=1,
)


def run(options: Options) -> int:
    from wherry.builder.execute.build import Build
    from wherry.builder.plan.epoch import CONTEXT, EPOCH
    from wherry.builder.plan.epoch import parse as parse_epoch
    from wherry.builder.plan.values import BuildOptions
    from wherry.cli.builder.call import call, fail_on_findings
    from wherry.cli.builder.call import wanted as asked_call
    from wherry.cli.builder.inputs import inputs, origin
    from wherry.cli.builder.outputs import Wanted
    from wherry.cli.builder.progress import Deferred, make_progress
    from wherry.cli.builder.sandbox import contexts, platforms, sandbox
    from wherry.cli.builder.secrets import given
    from wherry.oci.reference import parse as parse_reference
    from wherry.store import Store

    # What is wrong with the words is said before anything is done.
    names = options.strings("tag")
    for name in names:
        try:
            parse_reference(name)
        except InvalidReferenceError as error:
            raise UsageError(
                f'invalid argument for "-t, --tag": {error.message}', hint=error.hint
            ) from None
    wanted = Wanted(options)
    args = _build_args(options)
    keep_in, cache_from = _shared_caches(options)
    inline = args.get("BUILDKIT_INLINE_CACHE", "") in TRUE or any(c.type == "inline" for c in keep_in)
    keep_in = [cache for cache in keep_in if cache.type != "inline"]
    of_context = args.get(EPOCH) == CONTEXT
    epoch = None if of_context else parse_epoch(args.get(EPOCH, ""))
    method, as_json = asked_call(options)
    wanted_platforms = platforms(options)
    build_options = BuildOptions(
        wanted_platforms[0],
        target=options.string("target"),
        args=args,
        labels=_pairs(options.strings("label"), "label"),
        no_cache=options.flag("no-cache"),
        no_cache_filter=_names(options.strings("no-cache-filter")),
        jobs=_jobs(options.integer("jobs")),
        given=given(options.strings("secret"), options.strings("ssh")),
        sandbox=sandbox(options),
        squash=options.flag("squash"),
        origin=origin(options.args[0], options.string("file"), names),
        keep=wanted.keeps_image,
        timeless=options.flag("reproducible") or (epoch is not None and wanted.rewrites),
        epoch=epoch,
        pull=options.flag("pull"),
        cache_from=cache_from,
        shares=bool(keep_in) or inline,
        inline=inline,
    )
    quiet = options.flag("quiet") or options.string("progress") == "quiet"
    shown = make_progress("quiet" if quiet else options.string("progress") or "auto")
    deferred = Deferred(shown) if options.runtime.identity == PLAIN else None
    told = deferred or shown
    wanted.prepare(options.runtime)
    if keep_in:
        options.runtime.need_layers()  # layers are compressed, whose files belong to subordinate ids
    store = Store.open(options.runtime)
    with store.using(), store.temp() as temporary:
        try:
            dockerfile, context = inputs(
                options.args[0], options.string("file"), store, temporary, build_options.given
            )
        except DockerfileError as error:
            if method != "check":
                raise
            from wherry.cli.builder.call import check_parsed

            return check_parsed(error, as_json=as_json)
        if of_context:
            epoch = context().newest()
            args = {name: value for name, value in args.items() if name != EPOCH}
            args |= {EPOCH: str(epoch)} if epoch is not None else {}
            build_options = build_options._replace(
                args=args,
                epoch=epoch,
                timeless=build_options.timeless or (epoch is not None and wanted.rewrites),
            )
        named = contexts(options.strings("build-context"), store, temporary, build_options.given)
        build_options = build_options._replace(contexts=named)
        records = []
        try:
            for number, platform in enumerate(wanted_platforms):
                folder = os.path.join(temporary, f"platform{number}")
                os.makedirs(folder, exist_ok=True)
                chosen = build_options._replace(platform=platform)
                client = _registries if method == "build" else None
                build = Build(store, dockerfile, context, chosen, told, folder, client)
                if method != "build":
                    return call(build, method, as_json=as_json)
                for warning in build.warnings() if not number else ():
                    told.note(warning)
                if "error" in dockerfile.directives.get("check", "") + args.get(CHECK, ""):
                    fail_on_findings(build)
                records.append(build.run())
            delivered = wanted.deliver(store, records, told)
            if keep_in:
                from wherry.cli.builder.pushes import keep

                for cache in keep_in:
                    keep(build, cache, told)
        except NeedsNamespace:
            deferred = None  # the second start tells it all again
            raise
        finally:
            told.close()
            if deferred:
                deferred.release()
    found = [] if quiet else build.findings()
    if found:
        from wherry.dockerfile.lint.show import short
        from wherry.remote.urls import shown as shown_urls

        print(f"\n{shown_urls(short(found))}", file=sys.stderr)
    for name in build.unused_args():
        print(f"warning: [Warning] One or more build-args [{name}] were not consumed", file=sys.stderr)
    if quiet and wanted.gives_image and wanted.stdout_is_free:
        print(delivered.image)
    elif not quiet:
        for name in delivered.tagged:
            print(f"naming to {name}", file=sys.stderr)
        if wanted.gives_image:
            print(f"image {delivered.image}", file=sys.stderr)
    return 0


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


def _jobs(asked: int | None) -> int:
    """By default more than there are cores: a step waits for disks and networks as often as it computes."""
    if asked is None:
        return max(4, 2 * len(os.sched_getaffinity(0)))
    if asked < 1:
        raise UsageError(f'invalid argument "{asked}" for "--jobs" flag: at least one step has to run')
    return asked
