"""What is asked of registries: pull, push, log in, search, tags, manifests."""

from __future__ import annotations

from wherry.app.filters import is_true
from wherry.errors import NotFoundError, RegistryError
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.app.filters import Filter
    from wherry.images.packing import Packing
    from wherry.oci.platform import Platform
    from wherry.oci.reference import Reference
    from wherry.registry.client import Registries
    from wherry.registry.credentials import Credentials
    from wherry.registry.progress import Progress
    from wherry.registry.pull import Pulled
    from wherry.registry.push import Pushed
    from wherry.registry.repository import Fetched
    from wherry.registry.search import Found
    from wherry.registry.settings import Settings
    from wherry.store import Store

FILTERS = ("stars", "is-official", "is-automated")
"""Docker's, of a search: a number at least, "true" or "false"."""


def pull(
    store: Store,
    client: Registries,
    name: Reference,
    platform: Platform | None = None,
    progress: Progress | None = None,
) -> Pulled:
    """Fetch what a name stands for.  Raises RegistryError, CorruptError, HostileArchiveError."""
    from wherry.registry.progress import Silent
    from wherry.registry.pull import pull as fetch

    store.runtime.need_layers()
    return fetch(store, client, name, platform, progress or Silent())


def push(
    store: Store,
    client: Registries,
    name: Reference,
    progress: Progress | None = None,
    packing: Packing | None = None,
) -> Pushed:
    """Send what a name stands for.  Raises NotFoundError, RegistryError, CorruptError."""
    from wherry.registry.progress import Silent
    from wherry.registry.push import DEFAULT
    from wherry.registry.push import push as send

    store.runtime.need_layers()
    return send(store, client.target(name), name, progress or Silent(), packing or DEFAULT)


def tags(client: Registries, name: Reference) -> list[str]:
    """Those that the repository of a name has.  Raises RegistryError."""
    return list(client.sources(name)[-1].tags())


def tags_here(store: Store, name: Reference) -> list[Reference]:
    """All names in the store that are of the same repository.  Raises NotFoundError where there is none."""
    from wherry.images.lookup import names_of

    found = names_of(store, name)
    if not found:
        raise NotFoundError(
            f"An image does not exist locally with the tag: {name.familiar_name()}",
            hint="see wherry images",
        )
    return found


def manifest(client: Registries, name: Reference) -> Fetched:
    """What a name stands for at its registry.  Raises RegistryError."""
    return client.sources(name)[-1].manifest(name.digest or name.tag)


class Login(NamedTuple):
    """`place` is the file or the helper that keeps the credentials; `asks` whether the registry wanted to
    know who is there."""

    place: str
    encrypted: bool
    asks: bool


def login(settings: Settings, host: str, given: Credentials) -> Login:
    """Keep credentials that the registry lets in.  Raises RegistryError."""
    from wherry.registry import credentials

    asks = _let_in(settings, host, given)
    place, encrypted = credentials.save(settings, host, given)
    return Login(place, encrypted, asks)


def _let_in(settings: Settings, host: str, given: Credentials) -> bool:
    from wherry.oci.reference import DEFAULT_DOMAIN
    from wherry.registry.endpoints import DOCKER_HUB, Endpoint, is_loopback
    from wherry.registry.failures import refusal
    from wherry.registry.session import Session
    from wherry.registry.transport import Transport

    insecure = not settings.verify or is_loopback(host)
    endpoint = Endpoint(DOCKER_HUB if host == DEFAULT_DOMAIN else host, "", insecure, host)
    session = Session(Transport(settings, endpoint), lambda: given)
    answer = session.request("GET", "/v2/", "")
    if answer.status == 200:
        answer.drop()
        return session.was_let_in
    if answer.status == 404:
        answer.drop()
        raise RegistryError(f"{host} does not answer as a registry: 404 for /v2/", hint="is that its port?")
    raise refusal(endpoint, "v2", "login", answer)


def search(
    client: Registries, term: str, limit: int = 25, filters: Sequence[Filter] = ()
) -> list[tuple[str, Found]]:
    """What is found of ``[REGISTRY/]TERM``, each with its name here.  Raises RegistryError."""
    from wherry.oci.reference import Reference, split_domain
    from wherry.registry.search import search as ask

    domain, words = split_domain(term) if "/" in term else ("docker.io", term)
    return [
        (Reference(domain, each.name, "").familiar_name(), each)
        for each in ask(client.index(domain), words, limit)
        if all(_passes(each, condition) for condition in filters)
    ]


def _passes(found: Found, condition: Filter) -> bool:
    name, value = condition
    if name == "stars":
        return found.stars >= int(value)
    return (found.is_official if name == "is-official" else found.is_automated) == is_true(value)
