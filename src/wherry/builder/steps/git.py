"""ADD of git repositories: known by their commits, fetched only where the cache lacks the layer."""

from __future__ import annotations

import os

from wherry.builder.steps.copy_cached import by_whole
from wherry.builder.steps.copy_plan import CopySource
from wherry.errors import ContextError
from wherry.layers.view import View
from wherry.remote.git import Access, Repository
from wherry.remote.gitref import checked
from wherry.remote.urls import shown
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.builder.context.folder import Found
    from wherry.builder.context.sources import ViewSource
    from wherry.builder.secrets import BuildSecrets
    from wherry.builder.steps.copy_spec import CopySpec
    from wherry.builder.steps.stage import Stage
    from wherry.helper import Helper
    from wherry.remote.gitref import GitRef

TOKEN = "GIT_AUTH_TOKEN"  # noqa: S105 - BuildKit's name of the secret


class Checkout:
    """The files of a commit, which have its time.  Fetched when they are asked for."""

    is_dateless = False
    has_owners = False

    def __init__(self, fetch: Callable[[], str], source: Callable[[View], ViewSource]) -> None:
        self._fetch = fetch
        self._open = source
        self._found: ViewSource | None = None

    def _source(self) -> ViewSource:
        if self._found is None:
            self._found = self._open(View([self._fetch()]))
        return self._found

    def find(self, pattern: str) -> list[Found]:
        return self._source().find(pattern)

    def missing(self, pattern: str) -> ContextError:
        return self._source().missing(pattern)

    def below(self, folder: Found) -> list[Found]:
        return self._source().below(folder)

    def digests(self, files: Sequence[Found], helper: Helper) -> list[str]:
        return self._source().digests(files, helper)

    def ready(self) -> None: ...


def add_git(
    stage: Stage, spec: CopySpec, others: Sequence[CopySource], repositories: Sequence[GitRef]
) -> bool:
    """Whether it came from the cache."""
    if others:
        raise ContextError(
            "a git repository is the only source of its ADD", hint="write one ADD for each kind of source"
        )
    sources, marks = [], []
    for number, ref in enumerate(repositories):
        source, mark = _checkout(stage, spec, ref, number)
        sources.append(CopySource(source, "/"))
        marks.append(mark)
    return by_whole(stage, spec, "git " + " ".join(marks), sources)


def _checkout(stage: Stage, spec: CopySpec, ref: GitRef, number: int) -> tuple[Checkout, str]:
    keep = _keep(spec, ref)
    if spec.checksum is not None:
        ref = ref._replace(checksum=checked(spec.checksum))
    repository = Repository(ref, access(stage.options.given), stage.store.runtime.env)
    commit = repository.commit()
    stage.used(shown(f"{ref.url}#{ref.ref or 'HEAD'}"), f"sha1:{commit}")

    def fetch() -> str:
        # For a plain user everything begins again in a user namespace: not with what was fetched before.
        stage.worker()
        folder = os.path.join(stage.scratch_folder(), f"git{number}")
        os.makedirs(folder)
        return repository.checkout(commit, folder, keep=keep)

    mark = f"{commit}:{ref.folder}{':git' if keep else ''}{'' if ref.submodules else ':alone'}"
    label = f"the repository at {commit[:12]}"
    return Checkout(fetch, lambda view: stage.view_source(view, label)), mark


def _keep(spec: CopySpec, ref: GitRef) -> bool:
    if ref.keep is False and spec.copy.keep_git_dir:
        raise ContextError("inconsistent keep-git-dir: the flag and the URL disagree")
    return ref.keep or spec.copy.keep_git_dir


def access(given: BuildSecrets | None) -> Access:
    """What --secret id=GIT_AUTH_TOKEN and --ssh default give."""
    if given is None:
        return Access()
    secret = given.secrets.get(TOKEN)
    token = os.fsdecode(secret.read()).strip() if secret is not None else ""
    return Access(token, given.agents.get("default", ""))
