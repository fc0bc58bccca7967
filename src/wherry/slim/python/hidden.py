"""PURE: what Python's own library imports where no source says so: from C, by names that it makes."""

from __future__ import annotations

STARTUP = (
    *("site", "sitecustomize", "usercustomize", "os", "stat", "codecs", "io", "abc", "posixpath"),
    *("genericpath", "_collections_abc", "_sitebuiltins", "importlib", "importlib.machinery"),
    *("importlib._bootstrap", "importlib._bootstrap_external", "importlib.util", "importlib.abc"),
    *("zipimport", "runpy", "warnings", "linecache", "traceback", "types", "__future__", "copyreg"),
    *("encodings", "encodings.aliases", "encodings.utf_8", "encodings.latin_1", "encodings.ascii"),
    *("encodings.utf_8_sig", "encodings.idna", "encodings.cp437", "encodings.unicode_escape"),
    *("encodings.raw_unicode_escape", "encodings.iso8859_1", "encodings.cp1252", "encodings.utf_16"),
    *("encodings.utf_16_le", "encodings.utf_16_be", "encodings.utf_32", "encodings.hex_codec"),
    *("encodings.base64_codec", "encodings.punycode", "encodings.charmap", "encodings.utf_7"),
)
"""What the interpreter itself wants to find, and the encodings of texts that come from outside."""

HIDDEN: dict[str, tuple[str, ...]] = {
    "datetime": ("_strptime",),
    "time": ("_strptime",),
    "pickle": ("_compat_pickle", "copyreg"),
    "multiprocessing": (
        *("multiprocessing.popen_fork", "multiprocessing.popen_spawn_posix"),
        *("multiprocessing.popen_forkserver", "multiprocessing.resource_tracker"),
        *("multiprocessing.synchronize", "multiprocessing.spawn", "multiprocessing.forkserver"),
    ),
    "xml.sax": ("xml.sax.expatreader",),
    "_elementtree": ("copy", "xml.etree.ElementPath", "pyexpat"),
    "_decimal": ("numbers", "collections"),
    "_sqlite3": ("sqlite3.dump", "sqlite3.dbapi2"),
    "sqlite3": ("sqlite3.dump",),
    "_zoneinfo": ("zoneinfo._common",),
    "zoneinfo": ("zoneinfo._common", "zoneinfo._tzpath"),
    "concurrent.futures": ("concurrent.futures.thread", "concurrent.futures.process"),
    "hashlib": ("_md5", "_sha1", "_sha256", "_sha512", "_sha2", "_sha3", "_blake2", "_hashlib"),
    "urllib": ("urllib.parse", "urllib.request", "urllib.error", "urllib.response"),
    "dbm": ("dbm.gnu", "dbm.ndbm", "dbm.dumb"),
    "curses": ("curses.has_key",),
    "email": ("email.mime", "email.parser"),
    "logging": ("logging.handlers",),
    "asyncio": ("asyncio.log",),
    "_asyncio": ("asyncio",),
    "_ctypes": ("ctypes._endian",),
    "json": ("_json",),
}
"""Modules by those that import them."""

MADE_UP = {"sysconfig": "_sysconfigdata"}
"""The beginning of the names of modules that are made when a module is imported."""

INTERACTIVE = frozenset(
    (
        *("pydoc", "rlcompleter", "readline", "pdb", "bdb", "doctest", "unittest", "tkinter", "turtle"),
        *("idlelib", "lib2to3", "ensurepip", "test", "cProfile", "profile", "webbrowser", "antigravity"),
        *("pip", "setuptools", "pkg_resources", "distutils", "wheel", "_distutils_hack", "venv"),
    )
)
"""What people at a terminal, tests and installers have: functions that import one of them are hardly a
service's."""
