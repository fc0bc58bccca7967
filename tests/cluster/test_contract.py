"""What any API server must play with us, played by a real one.  The fake plays the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cluster.apiserver import ApiServer
from proxy.kube.contract import SCENARIOS, Follow, Follower


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_contract(scenario: Callable[[ApiServer, Follow], None], api: ApiServer) -> None:
    def follow(**options: object) -> Follower:
        return Follower(str(api.kubeconfig()), **options)  # type: ignore[arg-type]

    scenario(api, follow)
