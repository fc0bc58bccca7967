"""PURE: which proxy a request goes through, by the variables that all tools read."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def of_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """``http``, ``https``, ``all`` and ``no``; small letters win, as everywhere."""
    found: dict[str, str] = {}
    for name, value in environment.items():
        word = name.lower()
        if word.endswith("_proxy") and value and (name == word or word.removesuffix("_proxy") not in found):
            found[word.removesuffix("_proxy")] = value
    if "REQUEST_METHOD" in environment:
        found.pop("http", None)  # a CGI's client names it: CVE-2016-5385
    return found


def proxy_for(proxies: Mapping[str, str], scheme: str, hostname: str) -> str:
    """The proxy's URL, or "" for none.  Loopback is never asked for through a proxy, as Go has it."""
    proxy = proxies.get(scheme) or proxies.get("all") or ""
    if not proxy or _is_excepted(proxies.get("no", ""), hostname):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_excepted(exceptions: str, hostname: str) -> bool:
    host = hostname.lower().strip("[]").rstrip(".")
    if host in ("localhost", "::1") or host.startswith("127."):
        return True
    for word in exceptions.lower().replace(" ", ",").split(","):
        name = word.partition(":")[0] if word.count(":") == 1 else word.strip("[]")
        if not name:
            continue
        if name == "*" or _is_in_network(host, name):
            return True
        bare = name.removeprefix("*").removeprefix(".")
        if host == bare or host.endswith("." + bare):
            return True
    return False


def _is_in_network(host: str, network: str) -> bool:
    if "/" not in network:
        return False
    import ipaddress

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
