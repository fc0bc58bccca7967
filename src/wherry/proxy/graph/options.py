"""PURE: how objects become routes."""

from __future__ import annotations

from typing import NamedTuple


class Options(NamedTuple):
    """How Services become routes.

    `domain` ends the default host.  With `endpoints` requests go to the ready addresses, otherwise to the
    ClusterIP where there is one.  `slices` says that all EndpointSlices are known, so that a Service
    without one has no pod.  `names` says that nginx can look names up (it has a resolver).  `local` allows
    loopback addresses: for a folder on one machine, never for a cluster.  For `settle` seconds the requests
    to a ClusterIP that is new, or had no ready pod, go to its pods: kube-proxy may not know it yet.
    """

    domain: str = "cluster.local"
    endpoints: bool = False
    names: bool = False
    local: bool = False
    slices: bool = False
    settle: float = 0.0
