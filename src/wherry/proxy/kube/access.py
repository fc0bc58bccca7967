"""Which API server, and who we are to it: kubectl's rules, carried out by the `kubernetes` package.

--kubeconfig FILE, else $KUBECONFIG (several, joined by ":"), else ~/.kube/config, else the pod's own
ServiceAccount
"""

from __future__ import annotations

import contextlib
import logging
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from wherry.errors import ProxyError
from wherry.proxy.kube.faults import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
HOME_CONFIG = "~/.kube/config"


class Access(NamedTuple):
    """Configured access.  `configuration` is the `kubernetes` package's, which renews tokens by itself.

    `namespace` is the one of the context or the pod; `origin` says where all this was found.
    """

    configuration: Any
    namespace: str
    origin: str


class Finder:
    """Finds access; find() may be called again, when certificates or tokens have been replaced."""

    def __init__(
        self,
        kubeconfig: str | None = None,
        context: str | None = None,
        environ: Mapping[str, str] = os.environ,
        account: str = ACCOUNT,
    ) -> None:
        self._context = context
        self._environ = environ
        self._account = account
        self._paths = kubeconfig or self._default()

    def find(self) -> Access:
        """Raises ProxyError with a hint; what is wrong is said without showing a secret."""
        return self._of_files(self._paths) if self._paths else self._of_pod()

    def _default(self) -> str:
        paths = self._environ.get("KUBECONFIG", "")
        if any(map(_exists, paths.split(":"))):
            return paths
        home = os.path.join(self._environ.get("HOME") or os.path.expanduser("~"), ".kube", "config")
        if _exists(home) or self._context is not None:
            return home
        if paths and "KUBERNETES_SERVICE_HOST" not in self._environ:
            return paths
        return ""

    def _of_files(self, paths: str) -> Access:
        from kubernetes.client import Configuration
        from kubernetes.config.kube_config import KubeConfigLoader, KubeConfigMerger

        missing = [p for p in paths.split(":") if p and not _exists(p)]
        if missing and len(missing) == len(list(filter(None, paths.split(":")))):
            raise ProxyError(
                f"there is no {missing[0]}",
                hint="name a kubeconfig file with --kubeconfig FILE or in $KUBECONFIG",
            )
        configuration = Configuration()
        with _explained(f"the kubeconfig {paths}") as complaints:
            merger = KubeConfigMerger(paths)
            if merger.config is None:
                raise ValueError("it is empty")
            loader = KubeConfigLoader(
                merger.config,
                active_context=self._context,
                config_base_path=None,
                config_persister=merger.save_changes,
            )
            loader.load_and_set(configuration)
            _no_plugin_failed(loader, configuration, complaints)
            context = loader.current_context
            namespace = (context.get("context") or {}).get("namespace") or "default"
        return Access(configuration, str(namespace), f"the context {context.get('name')} of {paths}")

    def _of_pod(self) -> Access:
        from kubernetes.client import Configuration
        from kubernetes.config.incluster_config import InClusterConfigLoader

        if "KUBERNETES_SERVICE_HOST" not in self._environ:
            raise ProxyError(
                f"no Kubernetes cluster is configured: there is no {HOME_CONFIG}, and this is no pod",
                hint="name a kubeconfig file with --kubeconfig FILE or in $KUBECONFIG",
            )
        configuration = Configuration()
        token, ca = (os.path.join(self._account, name) for name in ("token", "ca.crt"))
        origin = "this pod's ServiceAccount"
        with _explained(origin):
            InClusterConfigLoader(token, ca, environ=self._environ).load_and_set(configuration)
        return Access(configuration, _namespace_of(self._account), origin)


def _namespace_of(account: str) -> str:
    try:
        with open(os.path.join(account, "namespace"), encoding="utf-8") as file:
            return file.read().strip() or "default"
    except OSError:
        return "default"


def _exists(path: str) -> bool:
    return bool(path) and os.path.exists(os.path.expanduser(path))


def _no_plugin_failed(loader: Any, configuration: Any, complaints: list[str]) -> None:
    """The package logs that an exec plugin failed, and goes on without credentials: we do not."""
    user = loader._user  # no public way to ask
    if user is not None and "exec" in user and not (configuration.api_key or configuration.cert_file):
        raise ProxyError(
            f"the credential plugin {printable(user['exec'].safe_get('command'))} failed: "
            + printable(complaints[0] if complaints else "it gave neither token nor certificate"),
            hint="run it by hand; what it needs may be missing here, or its login has expired",
        )


class _Heard(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())


@contextlib.contextmanager
def _explained(what: str) -> Iterator[list[str]]:
    """Every way in which the package says that a configuration is no good, as a ProxyError.

    Yields what it logs meanwhile.
    """
    import yaml
    from kubernetes.config import ConfigException

    lines: list[str] = []
    ear = _Heard(lines)
    logging.getLogger().addHandler(ear)
    try:
        yield lines
    except yaml.MarkedYAMLError as error:
        line = f" line {error.problem_mark.line + 1}:" if error.problem_mark else ""
        raise ProxyError(f"{what} is not YAML:{line} {error.problem}", hint="kubectl config view") from None
    except (ConfigException, OSError, yaml.YAMLError) as error:
        raise ProxyError(
            f"{what} cannot be used: {printable(error)}",
            hint="kubectl config get-contexts shows what there is; --context NAME chooses one",
        ) from None
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise ProxyError(
            f"{what} is not what it should be: {printable(error)}", hint="kubectl config view"
        ) from None
    finally:
        logging.getLogger().removeHandler(ear)
