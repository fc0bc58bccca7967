"""What ``wherry build`` says of platforms, and of how RUN steps run."""

from __future__ import annotations

from wherry.builder.options import Sandbox
from wherry.digits import whole
from wherry.errors import InvalidReferenceError, UsageError, nearest
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.cli.core.flags import Options
    from wherry.oci.platform import Platform

ULIMITS = (
    "as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss",
    "rtprio", "rttime", "sigpending", "stack",
)  # fmt: skip
ALLOWED = ("network.host", "security.insecure")
UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def platforms(options: Options) -> tuple[Platform, ...]:
    """This machine's where none is asked for.  Raises UsageError."""
    from wherry.oci.platform import parse
    from wherry.sandbox.machine import machine

    words = [word.strip() for text in options.strings("platform") for word in text.split(",")]
    if not words:
        return (machine(),)
    try:
        found = [machine() if word == "local" else parse(word) for word in words]
    except InvalidReferenceError as error:
        raise UsageError(f"invalid argument for --platform: {error.message}", hint=error.hint) from None
    return tuple(dict.fromkeys(found))


def sandbox(options: Options) -> Sandbox:
    """Raises UsageError."""
    network = options.string("network") or "default"
    if network not in ("default", "host", "none"):
        raise UsageError(
            f"network mode {network!r} not supported by wherry build", hint="one of default, host, none"
        )
    allowed = [word for text in options.strings("allow") for word in text.split(",")]
    for word in allowed:
        if word not in ALLOWED:
            near = nearest(word, ALLOWED)
            raise UsageError(
                f"unknown entitlement {word}",
                hint=f"did you mean {near}?" if near else f"one of {', '.join(ALLOWED)}",
            )
    return Sandbox(
        "none" if network == "none" else "host",
        tuple(map(_host, options.strings("add-host"))),
        _bytes(options.string("shm-size")),
        tuple(map(_ulimit, options.strings("ulimit"))),
        "security.insecure" in allowed,
    )


def _host(text: str) -> tuple[str, str]:
    import ipaddress

    separator = "=" if "=" in text else ":"
    name, found, address = text.partition(separator)
    address = address.strip("[]")
    if address == "host-gateway":
        address = "127.0.0.1"  # steps share the host's network
    try:
        valid = bool(name and found and ipaddress.ip_address(address))
    except ValueError:
        valid = False
    if not valid:
        raise UsageError(f"invalid value for --add-host: {text}", hint="NAME:ADDRESS, or NAME=ADDRESS")
    return name, address


def _bytes(text: str | None) -> int:
    if not text:
        return 0
    number = text.lower().removesuffix("ib").rstrip("bkmgt")
    unit = text.lower().removesuffix("ib")[len(number) :].removesuffix("b") or ""
    size = whole(number)
    if size is None or unit not in UNITS:
        raise UsageError(f"invalid size {text!r} for --shm-size", hint="bytes, or with k, m or g: 128m")
    return size * UNITS[unit]


def _ulimit(text: str) -> tuple[str, int, int]:
    name, equals, values = text.partition("=")
    if not equals:
        raise UsageError(f"invalid ulimit argument: {text}", hint="NAME=SOFT[:HARD], as nofile=1024:2048")
    if name not in ULIMITS:
        near = nearest(name, ULIMITS)
        raise UsageError(f"invalid ulimit type: {name}", hint=f"did you mean {near}?" if near else None)
    soft, _, hard = values.partition(":")
    try:
        low, high = int(soft), int(hard or soft)
    except ValueError:
        raise UsageError(f"invalid ulimit argument: {text}", hint="its limits are numbers") from None
    if low > high >= 0 or (low == -1 and high >= 0):
        raise UsageError(f"ulimit soft limit must be less than or equal to hard limit: {low} > {high}")
    return name, low, high
