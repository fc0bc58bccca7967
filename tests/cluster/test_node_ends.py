"""A node whose test session is killed: nothing of it stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.programs import wait

pytestmark = pytest.mark.node
SCRIPT = """
import sys
from pathlib import Path
from cluster.node import running_node
with running_node(Path(sys.argv[1]), Path(sys.argv[2])) as (node, registry):
    pod = '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "default"}, "spec": {'
    pod += '"containers": [{"name": "a", "image": "%s/pause:1"}]}}' % registry.host
    node.kubectl("apply", "-f", "-", text=pod)
    node.kubectl("wait", "--for=condition=Ready", "pod/a", "--timeout=60s")
    print(node.networks.link, flush=True)
    sys.stdin.read()
"""


def test_a_killed_session_leaves_no_process_mount_or_link(programs: Path, tmp_path: Path) -> None:
    tests = Path(__file__).parents[1]
    env = {**os.environ, "PYTHONPATH": f"{tests}:{tests.parent}"}
    command = [sys.executable, "-c", SCRIPT, str(programs), str(tmp_path)]
    session = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
    assert session.stdin is not None and session.stdout is not None
    link = session.stdout.readline().strip()
    try:
        assert link in os.listdir("/sys/class/net") and len(processes(tmp_path)) > 5
    finally:
        session.send_signal(signal.SIGKILL)
        session.wait()
        session.stdin.close()
        session.stdout.close()
    wait(lambda: not processes(tmp_path), "processes stay", last_words=lambda: str(processes(tmp_path)))
    wait(lambda: link not in os.listdir("/sys/class/net"), "its link stays")
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()


def processes(folder: Path) -> list[str]:
    """The command lines that name the folder, of whoever runs."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found
