"""What the C library and other libraries open by rules of their own: users, names, zones, certificates, …

Sources: nsswitch.conf(5), tzset(3), locale(7), terminfo(5), the OPENSSLDIR of OpenSSL, libmagic(3).
"""

from __future__ import annotations

import posixpath

from wherry.slim.reason import GUESS, LIKELY
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from wherry.layers.view import Node
    from wherry.programs.elf import Elf
    from wherry.slim.closure import Closure

BASICS = ("/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/os-release", "/etc/localtime",
          "/etc/timezone", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname")  # fmt: skip
SHARED_FOLDERS = ("/tmp", "/var/tmp", "/run", "/var/run", "/var/lock")  # noqa: S108
# Where programs keep what they write: the folders below have owners, and cost no bytes.
WORKING = ("var", "run", "srv", "home", "opt", "data", "mnt", "media")
MOST_FOLDERS = 20_000
ZONES = "/usr/share/zoneinfo"
LOCALES = "/usr/lib/locale"
NSS = "/etc/nsswitch.conf"
NSS_DATABASES = ("passwd", "group", "hosts", "networks", "services", "protocols", "shadow")
TERMINALS = (
    "xterm",
    "xterm-256color",
    "linux",
    "dumb",
    "vt100",
    "screen",
    "screen-256color",
    "tmux-256color",
)
TERMINFO = ("/etc/terminfo", "/lib/terminfo", "/usr/lib/terminfo", "/usr/share/terminfo")
CHARACTER_SETS = ("gconv-modules", "gconv-modules.cache", "gconv-modules.d", "UTF-16.so", "UTF-32.so",
                  "UNICODE.so", "ISO8859-1.so", "ISO8859-15.so", "CP1252.so", "libISOIR165.so")  # fmt: skip
ICONV = b"\0iconv_open\0"


class Rule(NamedTuple):
    """A file whose name begins with `library` reads `paths` (patterns)."""

    library: str
    paths: tuple[str, ...]
    rule: str
    confidence: int = LIKELY
    deep: bool = False


TRUSTED = "certificates that TLS trusts"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
FOLDERS = ("/usr/lib/ssl/certs", "/usr/lib/ssl/cert.pem", "/etc/ssl/certs", "/etc/ssl/cert.pem")
MAGIC = ("/usr/share/misc/magic*", "/usr/lib/file/magic.mgc", "/etc/magic*")
RULES = (
    Rule("libc.so.", ("/etc/host.conf", "/etc/gai.conf"), "settings of the resolver"),
    Rule("libcrypto.so", ("/usr/lib/ssl/openssl.cnf", "/etc/ssl/openssl.cnf"), "settings of OpenSSL"),
    Rule("libcrypto.so", ("/usr/lib/*/ossl-modules",), "providers of OpenSSL", GUESS, deep=True),
    Rule("libssl.so", FOLDERS, TRUSTED, deep=True),
    Rule("libgnutls.so", (BUNDLE,), TRUSTED),
    Rule("libcurl", (BUNDLE,), TRUSTED),
    Rule("libmagic.so", MAGIC, "magic numbers"),
)


def roots(closure: Closure) -> None:
    """What any program may ask of a system, and the folders that programs write to."""
    for path in BASICS:
        if closure.files.find(path) is not None:
            closure.keep(path, "what every system has")
    root = closure.files.view.root()
    for name in closure.files.names("/"):
        node = closure.files.view.child(root, name) if root is not None else None
        if node is not None and (node.is_folder or node.is_symlink):
            closure.keep(f"/{name}", "a folder of the root")
    for path in SHARED_FOLDERS:
        if closure.files.find(path) is not None:
            closure.keep(path, "what every system has")
    for name in WORKING:
        _folders(closure, name)
    _zone(closure)
    _locale(closure)
    _home(closure)


def _folders(closure: Closure, top: str) -> None:
    """The folders below one that are somebody's own: not root's with the usual mode."""
    found = closure.files.find("/" + top)
    if found is None or not found.is_folder:
        return
    for number, node in enumerate(closure.files.view.walk(found)):
        if number > MOST_FOLDERS:
            return
        status = node.status
        if node.is_folder and (status.st_uid or status.st_gid or status.st_mode & 0o7777 != 0o755):
            closure.keep(f"/{node.name}", "a folder with an owner or a mode of its own")


def _zone(closure: Closure) -> None:
    zone = closure.start.env.get("TZ", "").lstrip(":")
    if zone and ".." not in zone:
        closure.keep(posixpath.join(ZONES, zone), "the zone of TZ", "", LIKELY)


def _locale(closure: Closure) -> None:
    names = (
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "LC_COLLATE",
        "LC_MESSAGES",
        "LC_TIME",
        "LC_NUMERIC",
        "LC_MONETARY",
    )
    wanted = {closure.start.env.get(name, "") for name in names} - {"", "C", "POSIX"}
    folded = {_folded(name) for name in wanted}
    for name in closure.files.names(LOCALES):
        if _folded(name) in folded:
            closure.keep(f"{LOCALES}/{name}", "the locale of LANG or LC_*", "", LIKELY, deep=True)
        elif name == "locale-archive" and folded - {"c.utf8"}:
            closure.keep(f"{LOCALES}/{name}", "the locale of LANG or LC_*", "", LIKELY)


def _folded(name: str) -> str:
    """``de_DE.UTF-8`` and ``de_DE.utf8`` are one (locale(1))."""
    return name.lower().replace("utf-8", "utf8")


def _home(closure: Closure) -> None:
    home = closure.start.env.get("HOME", "")
    if home and closure.files.is_folder(home):
        closure.keep(home, "the home of its user")


def read(closure: Closure, node: Node, head: bytes) -> None:
    name = posixpath.basename(node.name)
    for rule in RULES:
        if name.startswith(rule.library):
            for pattern in rule.paths:
                for path in closure.files.glob(pattern):
                    closure.keep(path, rule.rule, node.name, rule.confidence, deep=rule.deep)
    if name.startswith("libc.so."):
        _services(closure, node)
    if name.startswith(("libtinfo", "libncurses")):
        _terminals(closure, node)
    if head.startswith(b"\x7fELF") and ".so" not in name and closure.first("gconv"):
        _character_sets(closure, node)


def _services(closure: Closure, node: Node) -> None:
    """The modules that nsswitch.conf names for what programs look up."""
    from wherry.programs.elf import Elf

    elf = Elf(closure.start.platform.architecture, closure.loader)
    for line in closure.files.text(NSS).splitlines():
        database, colon, services = line.partition("#")[0].partition(":")
        if colon and database.strip() in NSS_DATABASES:
            for service in services.split():
                _module(closure, node, elf, service)


def _module(closure: Closure, node: Node, elf: Elf, service: str) -> None:
    if service.isalnum():
        place = closure.libraries.opened(f"libnss_{service}.so.2", f"/{node.name}", elf)
        if place is not None:
            closure.keep(place, f"nsswitch.conf names {service}", NSS.lstrip("/"), LIKELY)


def _terminals(closure: Closure, node: Node) -> None:
    own = closure.start.env.get("TERM", "")
    for terminal in dict.fromkeys((*TERMINALS, own)):
        for folder in TERMINFO if terminal and "/" not in terminal else ():
            for below in (terminal[0], f"{ord(terminal[0]):x}"):
                path = f"{folder}/{below}/{terminal}"
                if closure.files.is_file(path):
                    closure.keep(path, "the description of a terminal", node.name, LIKELY)


def _character_sets(closure: Closure, node: Node) -> None:
    if ICONV not in closure.files.data(node):
        closure.once.discard("gconv")
        return
    for folder in closure.files.glob("/usr/lib/*/gconv") or closure.files.glob("/usr/lib/gconv"):
        for name in CHARACTER_SETS:
            if closure.files.find(f"{folder}/{name}") is not None:
                closure.keep(f"{folder}/{name}", "it converts character sets", node.name, LIKELY, deep=True)
