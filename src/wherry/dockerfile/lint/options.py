"""PURE: ``# check=skip=RULE,…;error=true;experimental=RULE,…``."""

from __future__ import annotations

import re

from wherry.booleans import FALSE, TRUE
from wherry.dockerfile.lint.rules import RULES
from wherry.errors import DockerfileError
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.dockerfile.lint.rules import Finding

ALL = "all"
_CHECK = re.compile(r"\s*check\s*=\s*(.+?)\s*\Z", re.IGNORECASE)


class CheckOptions(NamedTuple):
    """`skip` and `experimental` are rules' names, or "all"."""

    skip: frozenset[str] = frozenset()
    error: bool = False
    experimental: frozenset[str] = frozenset()

    def chosen(self, found: Iterable[Finding]) -> list[Finding]:
        """Those that are not skipped, in the order of their lines."""
        kept = [f for f in found if self._wants(f.rule)]
        return sorted(kept, key=lambda f: f.line)

    def with_comments(self, comments: Iterable[str]) -> CheckOptions:
        """What the first ``# check=…`` above an instruction says of it, where it has a meaning."""
        for comment in comments:
            match = _CHECK.match(comment)
            if match is None:
                continue
            try:
                more = parse_check(match[1].partition(" ")[0])
            except DockerfileError:
                return self
            return self._replace(
                skip=self.skip | more.skip, experimental=self.experimental | more.experimental
            )
        return self

    def _wants(self, rule: str) -> bool:
        if rule in self.skip or ALL in self.skip:
            return False
        return not RULES[rule].experimental or bool({rule, ALL} & self.experimental)


def parse_check(text: str, name: str = "Dockerfile") -> CheckOptions:
    """The value of the directive, or of the build argument BUILDKIT_DOCKERFILE_CHECK.

    Raises DockerfileError.
    """
    options = CheckOptions()
    for part in filter(None, (part.strip() for part in text.split(";"))):
        key, equals, value = (word.strip() for word in part.partition("="))
        rules = frozenset(word.strip() for word in value.split(",") if word.strip())
        if not equals or key not in ("skip", "error", "experimental"):
            raise DockerfileError(
                f'invalid check option "{part}"', name=name, hint="skip=RULE,...;error=true"
            )
        if key == "skip":
            options = options._replace(skip=rules)
        elif key == "experimental":
            options = options._replace(experimental=rules)
        elif value in TRUE | FALSE:
            options = options._replace(error=value in TRUE)
        else:
            raise DockerfileError(f'failed to parse check option "{part}"', name=name, hint="true or false")
    return options
