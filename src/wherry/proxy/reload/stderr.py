r"""What nginx says on its standard error, as it may be shown.

Its lines hold what clients and pods have sent, which nginx escapes in access logs only (CVE-2009-4487): a
Referer could turn the terminal of whoever reads them.
"""

from __future__ import annotations

import codecs
import os
import re

from wherry.printable import printable
from wherry.proxy.reload.relay import Relay

_ODD = re.compile(r"[^\n\x20-\x7e]+")


def stderr() -> Relay:
    """Into our own.  A line that comes faster than they can be written is lost: no request waits for it."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")  # what is read may end within a character
    relay = Relay(2, "errors", lambda data: shown(decoder.decode(data)))
    os.set_blocking(relay.fd, False)
    return relay


def shown(text: str) -> bytes:
    return _ODD.sub(lambda found: printable(found[0]), text).encode()
