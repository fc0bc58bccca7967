"""A cluster of one node: containerd, kubelet and kube-proxy beside a real API server, and a registry.

The node lives in namespaces of its own (processes, mounts, network): what it writes is in memory there, and
it ends with the test session, however that ends: the kernel ends all processes of the namespace with its
first, and mounts, links and iptables rules with the last.  Only empty cgroups stay, until the next node.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cluster.apiserver import ApiServer
from cluster.kubectl import Kubectl
from cluster.programs import Program, wait
from support.busybox import import_busybox
from support.machine import require
from support.ports import free_port
from support.registry import Registry, running_registry
from support.wherry import Wherry

NAME = "node"
RUN = "/run/node"
"""Where the node keeps everything, in its own mount namespace."""
CGROUPS = Path("/sys/fs/cgroup")
PREPARE = """
set -e
ip link set lo up
mount -t tmpfs none /run
mount -t tmpfs none /var/log
mkdir -p /run/node/cni /run/netns /run/lock
echo 1 >/proc/sys/net/ipv4/ip_forward
exec sleep infinity
"""
PAUSE = 'FROM bb\nENTRYPOINT ["/bin/busybox", "sleep", "2147483647"]\n'


class Usage(NamedTuple):
    """What the processes of a container have taken, and hold: seconds of a CPU, MiB, open files.

    `wakes`: how often their threads have gone to sleep.
    """

    processes: int
    seconds: float
    wakes: int
    resident: tuple[float, ...]
    proportional: float
    files: int


class Networks:
    """Addresses that no other run of the tests uses on this machine: `number` is in all of them."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.link = f"wherry-n{number}"
        self.host, self.node = f"10.243.{number}.1", f"10.243.{number}.2"
        self.pods, self.gateway = f"10.244.{number}.0/24", f"10.244.{number}.1"
        services = f"10.{246 + number // 64}.{number % 64 * 4}"
        self.services, self.api, self.dns = f"{services}.0/22", f"{services}.1", f"{services}.10"

    @property
    def cgroup(self) -> str:
        return f"wherry-n{self.number}"


class Node:
    """`api` runs beside it, on the host; its pods reach it, and the registry, at `networks.host`."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.folder = folder
        self._programs = programs
        apart = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
        self._init = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *apart, "sh", "-c", PREPARE], stdin=subprocess.DEVNULL
        )
        self._running: dict[str, Program] = {}
        self._first = 0
        wait(self._begun, "the node's namespaces are not there", alive=lambda: self._init.poll() is None)
        self.networks = self._join()
        self.api = ApiServer(programs, folder / "api", addresses=(self.networks.host, self.networks.api))
        self.kubectl = Kubectl(programs, self.api.kubeconfig())

    def start(self, registry: str) -> None:
        """All of it; returns when the node is ready.  `registry` is one that speaks plain HTTP."""
        self._server_options()
        self.api.start()
        self._controllers()
        self._write_files(registry)
        self.start_containerd()
        self.start_kubelet()
        self._start("kube-proxy", str(self._programs / "kube-proxy"), f"--config={self.folder}/proxy.json")
        wait(self._is_ready, "the node is not ready", last_words=self.last_words)
        # Pods are refused until their namespace's account is there.
        wait(lambda: self.kubectl.run("get", "serviceaccount", "default").returncode == 0, "no accounts")

    def start_containerd(self) -> None:
        self._start("containerd", "containerd", "--config", f"{self.folder}/containerd.toml")
        wait(
            lambda: self.ctr("version").returncode == 0,
            "containerd is not ready",
            last_words=self.last_words,
        )

    def start_kubelet(self) -> None:
        self._start(
            "kubelet",
            str(self._programs / "kubelet"),
            f"--config={self.folder}/kubelet.json",
            f"--kubeconfig={self._kubeconfig('kubelet', f'/O=system:nodes/CN=system:node:{NAME}')}",
            f"--hostname-override={NAME}",
            f"--node-ip={self.networks.node}",
            f"--root-dir={RUN}/kubelet",
            f"--cert-dir={RUN}/kubelet/pki",
        )

    def kill(self, name: str) -> None:
        """As when a program of the node crashes."""
        self._running.pop(name).stop(signal.SIGKILL)

    def inside(self, *words: str) -> list[str]:
        """The words of a command that runs in the node's namespaces and ends with whoever begins it."""
        end = ("setpriv", "--pdeathsig", "KILL")
        return ["nsenter", "-t", str(self._first), "--net", "--mount", "--pid", *end, *words]

    def ctr(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = self.inside("ctr", "-a", f"{RUN}/containerd.sock", "-n", "k8s.io", *words)
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    def kill_container(self, pod: Mapping[str, Any], name: str) -> None:
        """Its first process, and so all of it."""
        done = self.ctr("tasks", "kill", "-s", "SIGKILL", _container(pod, name))
        assert done.returncode == 0, done.stderr

    def kill_workers(self, pod: Mapping[str, Any], name: str) -> None:
        """All processes of a container but its first, as the kernel does where memory runs out."""
        said = self.ctr("tasks", "ps", _container(pod, name)).stdout.splitlines()[1:]
        pids = sorted(int(line.split()[0]) for line in said)
        assert len(pids) > 1, said
        _do(*self.inside("kill", "-9", *map(str, pids[1:])))

    def kill_master(self, pod: Mapping[str, Any], name: str) -> None:
        """The first child of a container's first process."""
        said = self.ctr("tasks", "ps", _container(pod, name)).stdout.splitlines()[1:]
        first, *others = sorted(int(line.split()[0]) for line in said)
        parents = self.inside("ps", "-o", "pid=", "--ppid", str(first))
        children = subprocess.run(parents, capture_output=True, text=True, check=True).stdout.split()
        assert {int(pid) for pid in children} & set(others), said
        _do(*self.inside("kill", "-9", min(children, key=int)))

    def usage(self, pod: Mapping[str, Any], name: str) -> Usage:
        """Of all processes of a container; asked again where one of them ends meanwhile."""
        for _ in range(10):
            with contextlib.suppress(OSError, ValueError):
                return self._usage(pod, name)
        return self._usage(pod, name)

    def _usage(self, pod: Mapping[str, Any], name: str) -> Usage:
        said = self.ctr("tasks", "ps", _container(pod, name)).stdout.splitlines()[1:]
        places = (Path(f"/proc/{self._first}/root/proc/{line.split()[0]}") for line in said)
        folders = [folder for folder in places if _lives(folder)]
        ticks = [f.joinpath("stat").read_text().rpartition(")")[2].split()[11:13] for f in folders]
        seconds = sum(int(t) for pair in ticks for t in pair) / os.sysconf("SC_CLK_TCK")
        resident = [_mib(folder / "status", "VmRSS") for folder in folders]
        proportional = sum(_mib(folder / "smaps_rollup", "Pss") for folder in folders)
        files = sum(len(os.listdir(folder / "fd")) for folder in folders)
        tasks = [task for folder in folders for task in folder.joinpath("task").iterdir()]
        wakes = sum(_number(task / "status", "voluntary_ctxt_switches") for task in tasks)
        return Usage(len(folders), seconds, wakes, tuple(resident), proportional, files)

    @contextlib.contextmanager
    def pods_without_api(self) -> Iterator[None]:
        """Pods cannot reach the API server meanwhile; the node's own programs can."""
        where = ("FORWARD", "-d", self.networks.host, "-p", "tcp", "--dport", str(self.api.port))
        rule = (*where, "-j", "REJECT")
        _do(*self.inside("iptables", "-I", *rule))
        try:
            yield
        finally:
            _do(*self.inside("iptables", "-D", *rule))

    def configuration(self, pod: Mapping[str, Any]) -> bytes:
        """What its nginx serves."""
        return (self.volume(pod, "conf") / ".wherry/live/default.conf").read_bytes()

    def volume(self, pod: Mapping[str, Any], name: str) -> Path:
        """An emptyDir of a pod, as a folder of this machine."""
        inside = f"{RUN}/kubelet/pods/{pod['metadata']['uid']}/volumes/kubernetes.io~empty-dir/{name}"
        return Path(f"/proc/{self._first}/root{inside}")

    def stop(self) -> None:
        """Ends everything.  Idempotent."""
        for program in reversed(self._running.values()):
            program.stop(signal.SIGKILL)
        self.api.stop()
        self._init.kill()
        self._init.wait()
        with contextlib.suppress(AssertionError):  # the last processes may take a moment to end
            wait(lambda: _remove_cgroups(self.networks.cgroup), "its cgroups stay", 10.0)

    def last_words(self) -> str:
        return "\n".join(f"{name}: {p.last_words()[-1500:]}" for name, p in self._running.items())

    def _begun(self) -> bool:
        """Whether the first process has done what PREPARE says, which its name tells."""
        pid = self._init.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if not children or Path(f"/proc/{children[0]}/comm").read_text().strip() != "sleep":
            return False
        self._first = int(children[0])
        return True

    def _join(self) -> Networks:
        """A cable from the host to the node, by addresses that are free."""
        for number in range(1, 250):
            found = Networks(number)
            words = ("ip", "link", "add", found.link, "type", "veth", "peer", "name", "eth0")
            if (
                subprocess.run(
                    [*words, "netns", str(self._first)], capture_output=True, check=False
                ).returncode
                == 0
            ):
                break
        else:
            raise AssertionError("no network is free")
        _remove_cgroups(found.cgroup)
        _do("ip", "addr", "add", f"{found.host}/30", "dev", found.link)
        _do("ip", "link", "set", found.link, "up")
        _do("ip", "route", "add", found.pods, "via", found.node)
        _do("ip", "route", "add", found.services, "via", found.node)
        for line in (
            f"ip addr add {found.node}/30 dev eth0",
            "ip link set eth0 up",
            f"ip route add default via {found.host}",
            # Before the first pod makes it: the node's own programs reach pods by it.
            "ip link add cni0 type bridge",
            f"ip addr add {found.gateway}/24 dev cni0",
            "ip link set cni0 up",
            # The host would not find the way back to pods that ask it: they come from the node.
            f"iptables -t nat -A POSTROUTING -s {found.pods} -o eth0 -d {found.host} -j MASQUERADE",
        ):
            _do(*self.inside(*line.split()))
        return found

    def _server_options(self) -> None:
        authority, host = self.api.authority, self.networks.host
        client = authority.client("to-kubelet", "/O=system:masters/CN=apiserver-kubelet-client")
        self.api.options |= {
            "bind-address": "0.0.0.0",
            "advertise-address": host,
            "service-cluster-ip-range": self.networks.services,
            "kubelet-client-certificate": str(client.certificate),
            "kubelet-client-key": str(client.key),
            "kubelet-certificate-authority": str(authority.certificate),
            "kubelet-preferred-address-types": "InternalIP",
        }

    def _controllers(self) -> None:
        """They run on the host, as the API server does."""
        authority = self.api.authority
        for name, words in (
            ("kube-controller-manager", [
                f"--service-account-private-key-file={self.api.tokens.key}",
                f"--root-ca-file={authority.certificate}",
                "--use-service-account-credentials=true",
                "--allocate-node-cidrs=false",
            ]),
            ("kube-scheduler", []),
        ):  # fmt: skip
            config = self._kubeconfig(name, f"/CN=system:{name}", "127.0.0.1")
            common = [f"--{flag}={config}" for flag in (
                "kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig",
            )]  # fmt: skip
            common += ["--leader-elect=false", "--bind-address=127.0.0.1", f"--secure-port={free_port()}"]
            common += [f"--cert-dir={self.folder / name}"]
            program = [str(self._programs / name), *common, *words]
            self._running[name] = Program(program, self.folder / f"{name}.log")

    def _kubeconfig(self, name: str, subject: str, host: str = "") -> Path:
        found = self.folder / "api" / f"{name}.kubeconfig"
        if found.exists():
            return found
        pair = self.api.authority.client(name, subject)
        user = {"client-certificate": str(pair.certificate), "client-key": str(pair.key)}
        return self.api.write_kubeconfig(
            name, user, server=f"https://{host or self.networks.host}:{self.api.port}"
        )

    def _start(self, name: str, *words: str) -> None:
        self._running[name] = Program(self.inside(*words), self.folder / f"{name}.log")

    def _is_ready(self) -> bool:
        done = self.kubectl.run("get", "node", NAME, "-o", "json")
        if done.returncode:
            return False
        conditions = json.loads(done.stdout)["status"]["conditions"]
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    def _write_files(self, registry: str) -> None:
        folder, networks = self.folder, self.networks
        serving = self.api.authority.server(
            "kubelet-serving", f"/O=system:nodes/CN=system:node:{NAME}", [f"IP:{networks.node}"]
        )
        for controller in _controllers():
            (controller / networks.cgroup).mkdir(exist_ok=True)
        _copy_cpuset(networks.cgroup)
        kubelet = KUBELET | {
            "clusterDomain": "cluster.local",
            "clusterDNS": [networks.dns],  # there is none; without its address kubelet warns
            "cgroupRoot": f"/{networks.cgroup}",
            "authentication": {
                "anonymous": {"enabled": False},
                "x509": {"clientCAFile": str(self.api.authority.certificate)},
            },
            "tlsCertFile": str(serving.certificate),
            "tlsPrivateKeyFile": str(serving.key),
        }
        proxy = PROXY | {
            "clusterCIDR": networks.pods,
            "hostnameOverride": NAME,
            "clientConnection": {"kubeconfig": str(self._kubeconfig("proxy", "/CN=system:kube-proxy"))},
        }
        cni = {"cniVersion": "0.4.0", "name": "node", "plugins": [_bridge(networks)]}
        (folder / "kubelet.json").write_text(json.dumps(kubelet))
        (folder / "proxy.json").write_text(json.dumps(proxy))
        (folder / "cni").mkdir()
        (folder / "cni/10-node.conflist").write_text(json.dumps(cni))
        hosts = folder / "registries" / registry
        hosts.mkdir(parents=True)
        (hosts / "hosts.toml").write_text(f'[host."http://{registry}"]\n')
        text = CONTAINERD.format(run=RUN, folder=folder, registry=registry)
        (folder / "containerd.toml").write_text(text)


def _lives(folder: Path) -> bool:
    """Whether it is a process, and none that has ended and is waited for."""
    with contextlib.suppress(FileNotFoundError):
        return "VmRSS" in (folder / "status").read_text()
    return False


def _mib(path: Path, name: str) -> float:
    return _number(path, name) / 1024


def _number(path: Path, name: str) -> int:
    (found,) = (line.split()[1] for line in path.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(found)


def _container(pod: Mapping[str, Any], name: str) -> str:
    (status,) = (s for s in pod["status"]["containerStatuses"] if s["name"] == name)
    return str(status["containerID"]).removeprefix("containerd://")


def _do(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"


def _controllers() -> list[Path]:
    """The mounted hierarchies of cgroups: one each in version 1, one for all in version 2."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    return [path for path in CGROUPS.iterdir() if path.is_dir() and not path.is_symlink()]


def _copy_cpuset(cgroup: str) -> None:
    """In version 1 a new cpuset has no CPU and no memory, and takes no process."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        source = CGROUPS / "cpuset" / name
        if source.exists():
            (CGROUPS / "cpuset" / cgroup / name).write_text(source.read_text())


def _remove_cgroups(cgroup: str) -> bool:
    """Those that nobody is in, the deepest first; whether that was all of them."""
    for controller in _controllers():
        for path, _, _ in os.walk(controller / cgroup, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(path)
    return not any((controller / cgroup).exists() for controller in _controllers())


def _bridge(networks: Networks) -> Mapping[str, Any]:
    ranges = [[{"subnet": networks.pods, "rangeStart": networks.pods.replace(".0/24", ".10")}]]
    return {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": f"{RUN}/ipam",
            "ranges": ranges,
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }


KUBELET: dict[str, Any] = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    "readOnlyPort": 0,
    "cgroupDriver": "cgroupfs",
    "failSwapOn": False,
    "failCgroupV1": False,
    "containerRuntimeEndpoint": f"unix://{RUN}/containerd.sock",
    "imageServiceEndpoint": f"unix://{RUN}/containerd.sock",
    "resolvConf": "/etc/resolv.conf",
    "enforceNodeAllocatable": [],
    "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
    "podLogsDir": f"{RUN}/podlogs",
    "volumePluginDir": f"{RUN}/volumeplugins",
    "nodeStatusUpdateFrequency": "5s",
    "makeIPTablesUtilChains": False,
    "maxPods": 110,
}
PROXY: dict[str, Any] = {
    "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
    "kind": "KubeProxyConfiguration",
    "mode": "iptables",
    "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    "iptables": {"minSyncPeriod": "0s", "syncPeriod": "30s"},
}
CONTAINERD = """
version = 2
root = "{run}/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.internal.v1.opt",
  "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "{run}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "{registry}/pause:1"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{folder}/registries"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""


@contextlib.contextmanager
def running_node(programs: Path, folder: Path) -> Iterator[tuple[Node, Registry]]:
    """A node that is ready, and the registry that it pulls from."""
    require(os.geteuid() == 0, "needs root, for a node")
    node = Node(programs, folder)
    try:
        with running_registry(folder / "registry", address=node.networks.host) as registry:
            images = Wherry(folder / "images", env=plain_http(folder, registry))
            import_busybox(images)
            push(images, images.build(folder / "pause", PAUSE), f"{registry.host}/pause:1")
            node.start(registry.host)
            yield node, registry
    finally:
        node.stop()


def plain_http(folder: Path, registry: Registry) -> dict[str, str]:
    """For wherry: the registry is not on loopback, where none is asked for TLS."""
    config = folder / "registries.conf"
    config.write_text(f'[[registry]]\nlocation = "{registry.host}"\ninsecure = true\n')
    return {"CONTAINERS_REGISTRIES_CONF": str(config)}


def push(wherry: Wherry, image: str, name: str) -> None:
    wherry("tag", image, name)
    wherry("push", "-q", name)
    wherry("rmi", name)
