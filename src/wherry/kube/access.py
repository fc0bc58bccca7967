"""Which API server, and who we are to it, by kubectl's rules:

--kubeconfig FILE, else $KUBECONFIG (several, joined by ":"), else ~/.kube/config, else the pod's own
ServiceAccount

Written by hand: the `kubernetes` package knows the same, and brings 126 MB of models that nobody here uses.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from wherry.errors import ClusterError
from wherry.kube.credentials import Credentials, PluginFailed, of_user, pem
from wherry.kube.faults import printable
from wherry.kube.kubeconfig import BadConfig, Selected, select, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
HOME_CONFIG = "~/.kube/config"
LARGEST = 16 << 20
"""Bytes of a kubeconfig."""


class Access(NamedTuple):
    """`server` is a URL without a slash at its end; `authorities` are PEM, b"" for the machine's own.

    `verify` says whether its certificate must be good, `name` what it must be for ("": the server's host).
    `proxy` is a URL or "".  `namespace` is the one of the context or the pod; `origin` says where all this
    was found.
    """

    server: str
    credentials: Credentials
    namespace: str
    origin: str
    authorities: bytes = b""
    verify: bool = True
    name: str = ""
    proxy: str = ""


class Finder:
    """Finds access; find() may be called again, when certificates or tokens have been replaced.

    `environ` is the environment of whoever asks: where their kubeconfig is, what plugins get, and their
    HTTP proxies.  `flag` is the command's word for `context`.
    """

    def __init__(
        self,
        kubeconfig: str | None = None,
        context: str | None = None,
        environ: Mapping[str, str] = {},
        account: str = ACCOUNT,
        flag: str = "--context",
    ) -> None:
        self._context = context
        self._flag = flag
        self.environ = environ
        self._account = account
        self._paths = kubeconfig or self._default()

    def find(self) -> Access:
        """Raises ClusterError with a hint; what is wrong is said without showing a secret."""
        return self._of_files(self._paths) if self._paths else self._of_pod()

    def _default(self) -> str:
        paths = self.environ.get("KUBECONFIG", "")
        if any(map(os.path.exists, self._each(paths))):
            return paths
        home = os.path.join(self._home(), ".kube", "config")
        if os.path.exists(home) or self._context is not None:
            return home
        if paths and "KUBERNETES_SERVICE_HOST" not in self.environ:
            return paths
        return ""

    def _home(self) -> str:
        if self.environ.get("HOME"):
            return self.environ["HOME"]
        import pwd

        try:
            return pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            return "/"

    def _each(self, joined: str) -> list[str]:
        """The files of a list that is joined by ":"; "~" is the home folder."""
        return [
            self._home() + path[1:] if path.startswith("~/") else path for path in joined.split(":") if path
        ]

    def _of_files(self, joined: str) -> Access:
        there = [path for path in self._each(joined) if os.path.exists(path)]
        if not there:
            raise ClusterError(
                f"there is no {joined.split(':')[0] or joined}",
                hint="name a kubeconfig file with --kubeconfig FILE or in $KUBECONFIG",
            )
        with _explained(f"the kubeconfig {joined}", self._flag):
            selected = select([(path, _parsed(path)) for path in there], self._context)
            return _access(selected, self.environ, f"the context {selected.context} of {joined}")

    def _of_pod(self) -> Access:
        host = self.environ.get("KUBERNETES_SERVICE_HOST")
        if not host:
            raise ClusterError(
                f"no Kubernetes cluster is configured: there is no {HOME_CONFIG}, and this is no pod",
                hint="name a kubeconfig file with --kubeconfig FILE or in $KUBECONFIG",
            )
        port = self.environ.get("KUBERNETES_SERVICE_PORT") or "443"
        server = f"https://{f'[{host}]' if ':' in host else host}:{port}"
        token = os.path.join(self._account, "token")
        origin = "this pod's ServiceAccount"
        with _explained(origin, self._flag):
            credentials = Credentials(token_file=token)
            credentials.authorization()  # a pod without its token says so now
            with open(os.path.join(self._account, "ca.crt"), "rb") as file:
                authorities = file.read(LARGEST)
        return Access(server, credentials, _namespace_of(self._account), origin, authorities)


def _access(selected: Selected, environ: Mapping[str, str], origin: str) -> Access:
    cluster = selected.cluster
    server = text(cluster, "server").rstrip("/") or "http://localhost:8080"
    return Access(
        server if "://" in server else f"http://{server}",
        of_user(selected, environ),
        selected.namespace,
        origin,
        pem(cluster, "certificate-authority"),
        cluster.get("insecure-skip-tls-verify") is not True,
        text(cluster, "tls-server-name"),
        text(cluster, "proxy-url"),
    )


class _NotYaml(BadConfig):
    """Where, and what is wrong there."""


def _parsed(path: str) -> Any:
    import yaml

    with open(path, "rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise BadConfig(f"{path} is larger than {LARGEST >> 20} MiB")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is ten times as fast
    try:
        found = yaml.load(data, Loader=loader)  # noqa: S506  a safe one
    except yaml.MarkedYAMLError as error:
        line = f" line {error.problem_mark.line + 1}:" if error.problem_mark else ""
        raise _NotYaml(f"{line} {error.problem}") from None
    except yaml.YAMLError as error:
        raise BadConfig(str(error)) from None
    if found is None:
        raise BadConfig(f"{path}: the file is empty")
    return found


def _namespace_of(account: str) -> str:
    try:
        with open(os.path.join(account, "namespace"), encoding="utf-8") as file:
            return file.read().strip() or "default"
    except OSError:
        return "default"


@contextlib.contextmanager
def _explained(what: str, flag: str) -> Iterator[None]:
    """Every way in which a configuration is no good, as a ClusterError; `flag` chooses another."""
    try:
        yield
    except _NotYaml as error:
        raise ClusterError(f"{what} is not YAML:{error}", hint="kubectl config view") from None
    except PluginFailed as error:
        raise ClusterError(
            str(error), hint="run it by hand; what it needs may be missing here, or its login has expired"
        ) from None
    except (BadConfig, OSError) as error:
        raise ClusterError(
            f"{what} cannot be used: {printable(error)}",
            hint=f"kubectl config get-contexts shows what there is; {flag} NAME chooses one",
        ) from None
