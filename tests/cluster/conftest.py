"""A real API server for the tests in this folder, and what follows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from cluster.apiserver import ApiServer
from cluster.follower import Follower, Wire, following
from cluster.helm import Helm
from cluster.installed import MODES, Cluster, Door, installed
from cluster.node import plain_http, push, running_node
from cluster.programs import kubernetes
from cluster.workload import deployment, service
from support.podimages import IMAGES, pod_images
from support.wherry import Wherry
from wherry import __version__
from wherry.kube.access import Finder

Follow = Callable[..., AbstractContextManager[Follower]]
# A server that is killed in the midst of a handshake leaves a socket that the garbage collector closes.
CUT = "ignore:.*unclosed <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.filterwarnings(CUT))


@pytest.fixture(scope="session")
def programs() -> Path:
    return kubernetes()


@pytest.fixture(scope="session")
def server(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    one = ApiServer(programs, tmp_path_factory.mktemp("apiserver"))
    try:
        one.start()
        yield one
    finally:
        one.stop()


@pytest.fixture
def api(server: ApiServer) -> Iterator[ApiServer]:
    """The server, running; what the test has made in it goes when the test does."""
    yield server
    if not server.running:
        server.start()
    server.remove_created()


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> str:
    """One that no other test uses."""
    words = request.node.originalname.removeprefix("test_").replace("_", "-")
    return str(words[:60].strip("-"))


@pytest.fixture
def follow(api: ApiServer) -> Follow:
    """following(), as the administrator."""
    finder = Finder(str(api.kubeconfig()))
    return lambda *args, **options: following(finder, *args, **options)


@pytest.fixture
def wire(api: ApiServer) -> Iterator[Wire]:
    """One to the API server."""
    one = Wire(api.port)
    yield one
    one.close()


@pytest.fixture
def follow_by_wire(api: ApiServer, wire: Wire) -> Follow:
    """following(), over the wire."""
    address = f"https://127.0.0.1:{wire.port}"
    finder = Finder(str(api.write_kubeconfig("wire", api.certificate_user(), server=address)))
    return lambda *args, **options: following(finder, *args, **options)


@pytest.fixture(scope="session")
def cluster(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A node, and the pod's images in the registry that it pulls from."""
    folder = tmp_path_factory.mktemp("node")
    store = pod_images()
    with running_node(programs, folder) as (node, registry):
        one = Cluster(node, node.kubectl, registry.host)
        images = Wherry(store.root, env=plain_http(folder, registry))
        for name in ("wherry", "wherry-python", *IMAGES.values()):
            push(images, f"{name}:{__version__}" if name == "wherry" else name, one.image(name))
        push(images, f"wherry:{__version__}", one.image("wherry-next"))
        yield one


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="session")
def doors(cluster: Cluster) -> dict[str, Door]:
    """The pod in both modes, two of each, in front of the same Services."""
    return {mode: installed(cluster, mode, mode) for mode in MODES}


@pytest.fixture(scope="session")
def apps(cluster: Cluster) -> str:
    """A namespace with the Deployments ``one`` and ``two``, and ``steady`` behind a Service."""
    namespace = "apps"
    cluster.kubectl("create", "namespace", namespace)
    image = cluster.image("wherry-python")
    cluster.apply(
        *(
            deployment(namespace, name, image, 2 if name == "steady" else 1)
            for name in ("one", "two", "steady")
        ),
        service(namespace, "steady", "steady", "steady.example"),
    )
    for name in ("one", "two", "steady"):
        cluster.rolled_out(namespace, name)
    return namespace


@pytest.fixture(params=MODES)
def served(request: pytest.FixtureRequest, doors: dict[str, Door], apps: str) -> Door:
    """A mode's door, behind which steady.example is."""
    one = doors[request.param]
    one.is_answered("steady.example", "pod:steady")
    return one
