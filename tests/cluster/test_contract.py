"""What any API server must play with us, played by a real one.  The fake plays the same."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from cluster.apiserver import ApiServer
from cluster.objects import Object
from kube.contract import SCENARIOS, Follow, Follower


class Played:
    """The scenarios' server: what they say of addresses, ids and times is the real one's own to give."""

    def __init__(self, api: ApiServer) -> None:
        self._api = api

    def create(self, thing: Object) -> None:
        self._api.create(_without_given(thing))

    def replace(self, thing: Object) -> None:
        self._api.replace(_without_given(thing))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)


def _without_given(thing: Object) -> Object:
    thing = copy.deepcopy(thing)
    for name in ("uid", "creationTimestamp"):
        thing["metadata"].pop(name, None)
    thing.get("spec", {}).pop("clusterIP", None)
    return thing


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_contract(scenario: Callable[[Played, Follow], None], api: ApiServer) -> None:
    def follow(**options: object) -> Follower:
        return Follower(str(api.kubeconfig()), **options)  # type: ignore[arg-type]

    scenario(Played(api), follow)
