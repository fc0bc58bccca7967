"""The registries that one command speaks to; connections and tokens are kept between its requests."""

from __future__ import annotations

from _thread import RLock

from wherry.oci.reference import DEFAULT_DOMAIN, Reference
from wherry.registry import credentials
from wherry.registry.endpoints import DOCKER_HUB, endpoints
from wherry.registry.repository import Repository
from wherry.registry.session import Session
from wherry.registry.transport import Transport
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.registry.endpoints import Endpoint
    from wherry.registry.settings import Settings

HUB_INDEX = "index.docker.io"


class Registries:
    """Any number of threads use it at once."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._sessions: dict[Endpoint, Session] = {}
        self._turn = RLock()

    def sources(self, name: Reference) -> list[Repository]:
        """Where a name may be had from, in order.  Raises RegistryError where that is forbidden."""
        return [self._repository(e) for e in endpoints(self.settings, name)]

    def target(self, name: Reference) -> Repository:
        """Where a name is pushed to."""
        return self._repository(endpoints(self.settings, name, pulls=False)[0])

    def index(self, domain: str) -> Session:
        """Where a registry is asked what it has."""
        endpoint = endpoints(self.settings, Reference(domain, "search", ""), pulls=False)[0]
        if domain == DEFAULT_DOMAIN and endpoint.host == DOCKER_HUB:
            endpoint = endpoint._replace(host=HUB_INDEX)
        return self._repository(endpoint._replace(path="")).session

    def _repository(self, endpoint: Endpoint) -> Repository:
        with self._turn:
            if endpoint not in self._sessions:
                transport = Transport(self.settings, endpoint)
                self._sessions[endpoint] = Session(
                    transport, lambda: credentials.find(self.settings, endpoint.domain, endpoint.path)
                )
            return Repository(self._sessions[endpoint], endpoint.path)

    def close(self) -> None:
        for session in self._sessions.values():
            session.transport.close()
