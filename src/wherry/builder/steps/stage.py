"""What a step may ask of the stage that it belongs to.

Implemented by builder.execute.stage; a step knows these protocols and nothing of who builds.
"""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from wherry.builder.context.folder import Context
    from wherry.builder.context.sources import ViewSource
    from wherry.builder.options import BuildOptions
    from wherry.builder.plan.keys import Key
    from wherry.builder.plan.state import State
    from wherry.builder.progress import Step
    from wherry.builder.steps.task import Task
    from wherry.dockerfile.ast import Heredoc, Location
    from wherry.helper import Helper
    from wherry.layers.pack import Known
    from wherry.layers.view import View
    from wherry.oci.platform import Platform
    from wherry.store import Store
    from wherry.store.cache import CacheRecord
    from wherry.store.filemanifest import ManifestEntry


class Cache(Protocol):
    """The cache as a stage sees it."""

    def get(self, key: Key) -> CacheRecord | None:
        """What a key led to before; the layer is in the store, or comes when it is needed."""

    def put(self, key: Key, diff_id: str, created: float | None = None) -> CacheRecord:
        """Record what a key leads to: now, or at the time (Unix seconds) at which another key led there."""

    def alias(self, key: Key, known: Key, diff_id: str) -> CacheRecord:
        """Record that a key leads to the layer that a known one led to, as old as that."""

    def file_manifest(self, digest: str, files: Callable[[], Iterable[ManifestEntry]]) -> None:
        """The files that a digest in a key stands for, kept if the step is made."""


class Worker(Protocol):
    """Makes layers, and gives their diff IDs."""

    def tree(self, write: Callable[[str], Known], view: View, helper: Helper | None = None) -> str:
        """Of a tree that `write` fills, which tells what it knows of it; `view` is what lies below."""

    def folder(self, path: str, view: View, owner: tuple[int, int] = (0, 0)) -> str:
        """Of one new folder and its missing parents."""

    def run(
        self, task: Task, diff_ids: Sequence[str], context: Callable[[], Context], step: Step, scratch: str
    ) -> str:
        """Of what a command changed over layers.  Raises StepError."""


class Words(Protocol):
    """Variables, as they are at this step."""

    state: State

    @property
    def predefined(self) -> Mapping[str, str]:
        """Proxies, which RUN gets and no key knows."""

    def expand(self, word: str, place: Location) -> str: ...

    def document(self, heredoc: Heredoc, place: Location) -> bytes:
        """What a here-document holds: variables are replaced unless its word was quoted."""


class Layers(Protocol):
    """What the stage has so far, and how a step adds to it."""

    diff_ids: list[str]

    @property
    def cache(self) -> Cache: ...

    @property
    def chain(self) -> str:
        """All layers so far, for a key."""

    def chain_of(self, diff_ids: Sequence[str]) -> str:
        """What layers are for a key; without any it is that of a layer that depends on none below it."""

    def view(self) -> View:
        """The files so far.  Layers that are elsewhere are fetched."""

    def is_here(self) -> bool:
        """Whether view() fetches nothing."""

    def layer(self, key: Key, created_by: str, make: Callable[[], str]) -> bool:
        """Take the layer from the cache or make it.  Whether it came from the cache."""

    def layer_by(
        self, quick: Key, content: Callable[[], Key], created_by: str, make: Callable[[], str]
    ) -> bool:
        """Like layer(), with a quick key that is looked up before what the content's key reads is read."""

    def add(self, record: CacheRecord, created_by: str) -> None:
        """The stage has one more layer, which the cache has."""


class Sources(Protocol):
    """Other files than the stage's own."""

    def context(self) -> Context: ...

    def named_folder(self, name: str) -> Context | None:
        """What --build-context calls so, where that is a folder."""

    def named_layers(self, name: str, place: Location) -> tuple[tuple[str, ...], str]:
        """The layers of a stage or an image, and what it is called in messages.  Raises DockerfileError."""

    def need(self, diff_ids: Sequence[str]) -> None:
        """Have layers in the store."""

    def view_source(self, view: View, label: str) -> ViewSource:
        """Another file system to copy from."""

    def used(self, uri: str, digest: str) -> None:
        """Note what the step was made of that came from elsewhere: ``sha256:…``, ``sha1:…`` of a commit."""

    def scratch_folder(self) -> str:
        """A new folder for files that are needed while a step is made."""


class Stage(Words, Layers, Sources, Protocol):
    options: BuildOptions
    platform: Platform
    store: Store
    step: Step

    @property
    def scratch(self) -> str:
        """The name of a folder for this stage's file system, where its next step goes on."""

    def worker(self) -> Worker:
        """Whoever makes layers; begins with the first one that the cache lacks."""

    def note(self, text: str) -> None:
        """A line for the user."""
