"""PURE: URLs without what they let one in with.

A user and a password, and the values of the parameters that sign a URL or hold a token, serve to fetch and
nothing else: they are shown, recorded and made part of keys nowhere.
"""

from __future__ import annotations

from wherry.pattern import pattern
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    import re

MASK = "xxxxx"
# Up to the last @ of what stands before the path, as urllib reads it.
USERINFO = pattern(r"(?<=://)[^/?#\s]*@")
SECRETS = (
    "access_?token|auth|auth_?token|api_?key|apikey|client_?secret|code|credential|jwt|key|pass|passwd"
    "|password|private_?token|secret|security_?token|sig|signature|token"
    "|x-amz-(?:credential|security-token|signature)|x-goog-(?:credential|signature)|awsaccesskeyid|policy"
)
PARAMETER = pattern(rf"(?i)(?<=[?&;])({SECRETS})=[^&;#\s\"'<>]*")


def shown(text: str) -> str:
    """A URL, or a text that has URLs in it, as it may be shown: BuildKit's ``xxxxx:xxxxx@`` for who asks,
    ``xxxxx`` for the values of parameters that are secrets.  Again it is the same."""
    if "://" not in text:
        return text
    # Parameters first: a slash in the value of one ends what may be a user.
    text = PARAMETER.sub(rf"\1={MASK}", text) if "=" in text else text
    return USERINFO.sub(_user, text)


def _user(match: re.Match[str]) -> str:
    # ssh://git@host: a name that lets nobody in.
    return match[0] if match[0] == "git@" else f"{MASK}:{MASK}@"


def without_user(url: str) -> str:
    """A URL to ask for, its user and password aside."""
    return USERINFO.sub("", url, count=1)


def without_users(text: str) -> str:
    """A text, the users and passwords of its URLs aside."""
    return USERINFO.sub("", text)


def passwords(text: str) -> set[str]:
    """What shown() takes out of a text, as it is written and as it is meant."""
    from urllib.parse import unquote

    found: set[str] = set()
    for userinfo in USERINFO.findall(text):
        name, _, password = userinfo[:-1].partition(":")
        found.add(password or name)
    for match in PARAMETER.finditer(text):
        found.add(match[0].partition("=")[2])
    found.discard("git")
    return {form for each in found for form in (each, unquote(each)) if form}
