"""``wherry proxy render`` and ``generate`` on a folder: what they write, and what they say."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

from support.ports import fetch, free_port
from support.services import service
from support.waiting import PATIENCE, wait_until
from support.wherry import Wherry


def folder_of(tmp_path: Path, *names: str) -> Path:
    folder = tmp_path / "services"
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / f"{name}.json").write_text(json.dumps(service(name)))
    return folder


def test_render_prints_the_configuration(wherry: Wherry, tmp_path: Path) -> None:
    printed = wherry(
        "proxy", "render", "--from-dir", str(folder_of(tmp_path, "one")), "--listen", "127.0.0.1:8080"
    )
    assert "listen 127.0.0.1:8080 default_server;" in printed and "one.default.cluster.local" in printed


def test_the_older_name_of_a_flag_is_taken_and_shown_nowhere(wherry: Wherry, tmp_path: Path) -> None:
    words = ("proxy", "render", "--from-dir", str(folder_of(tmp_path, "one")), "--listen", "127.0.0.1:8080")
    none = wherry(*words, "--upstreams", "0")
    assert wherry(*words).startswith("upstream ") and not none.startswith("upstream ")
    assert wherry(*words, "--pools", "0") == wherry(*words, "--pools=0") == none
    help_ = wherry("proxy", "render", "--help")
    assert "--upstreams N" in help_ and "pools" not in help_
    assert "--upstreams" in wherry("completion", "bash") and "--pools" not in wherry("completion", "bash")
    assert "did you mean --upstreams" in wherry.fails("proxy", "render", "--upstream", "1")


def test_render_writes_it_once_and_says_what_is_not_served(wherry: Wherry, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "one")
    (folder / "bad.json").write_text("{")
    (tmp_path / "conf").mkdir()
    words = ("proxy", "render", "--from-dir", str(folder), "--dir", str(tmp_path / "conf"))
    done = wherry.run(*words)
    assert done.returncode == 0 and done.stdout == ""
    assert "not served: bad.json: bad.json:1:" in done.stderr
    assert f"{tmp_path}/conf/default.conf written: 1 route" in done.stderr
    assert sorted(p.name for p in (tmp_path / "conf").iterdir()) == ["default.conf", "routes.json"]
    assert "default.conf unchanged: 1 route" in wherry.run(*words).stderr


def test_render_fails_where_nothing_is_left_of_what_was_written(wherry: Wherry, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("a: [")
    assert "bad.yaml:2" in wherry.fails("proxy", "render", "--from-dir", str(tmp_path), code=1)
    (tmp_path / "bad.yaml").write_text("")
    assert wherry.run("proxy", "render", "--from-dir", str(tmp_path)).returncode == 0


def test_render_gives_up_after_the_wait(wherry: Wherry, tmp_path: Path) -> None:
    server = f"https://127.0.0.1:{free_port()}"
    (tmp_path / "config").write_text(
        "{current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}], "
        f"clusters: [{{name: k, cluster: {{server: '{server}'}}}}], users: [{{name: u, user: {{}}}}]}}"
    )
    words = ("proxy", "render", "--kubeconfig", str(tmp_path / "config"), "--wait", "1")
    said = wherry.fails(*words, code=1)
    assert "trying again for" in said and server.removeprefix("https://") in said


def test_render_does_not_wait_for_a_folder_that_is_not_there(wherry: Wherry, tmp_path: Path) -> None:
    said = wherry.fails("proxy", "render", "--from-dir", str(tmp_path / "absent"), code=1)
    assert "trying again for" not in said and "is not a folder" in said


def test_generate_writes_at_every_change_and_ends_when_asked(wherry: Wherry, tmp_path: Path) -> None:
    folder, conf, metrics = folder_of(tmp_path, "one"), tmp_path / "conf", free_port()
    conf.mkdir()
    with (tmp_path / "log").open("w") as log:
        process: subprocess.Popen[str] = wherry.start(
            "proxy", "generate", "--from-dir", str(folder), "--dir", str(conf),
            "--metrics", f"127.0.0.1:{metrics}", stderr=log,
        )  # fmt: skip
    try:
        text = conf / "default.conf"
        wait_until(lambda: text.exists() and "one.default" in text.read_text())
        before = text.stat().st_ino
        (folder / "two.json").write_text(json.dumps(service("two")))
        wait_until(lambda: "two.default" in text.read_text())
        assert text.stat().st_ino != before, "a new file, renamed: nobody reads half of it"
        (folder / "unrelated.json").write_text(json.dumps({"kind": "ConfigMap", "metadata": {"name": "x"}}))
        assert fetch(f"http://127.0.0.1:{metrics}/readyz") == "ok\n"
        shown = fetch(f"http://127.0.0.1:{metrics}/metrics")
        assert (
            "wherry_proxy_routes 2.0" in shown
            and 'wherry_proxy_reloads_total{outcome="written"} 2.0' in shown
        )
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    said = (tmp_path / "log").read_text()
    assert (
        "+ two.default.cluster.local/ -> 10.0.0.1:80 (default/two:80)" in said and "Traceback" not in said
    )


def test_generate_without_its_folder_says_so(wherry: Wherry, tmp_path: Path) -> None:
    said = wherry.fails(
        "proxy",
        "generate",
        "--from-dir",
        str(folder_of(tmp_path)),
        "--dir",
        str(tmp_path / "absent"),
        code=1,
    )
    assert f"{tmp_path}/absent is not a directory" in said and "mount the volume there" in said


def test_status_where_nothing_runs(wherry: Wherry, tmp_path: Path) -> None:
    said = wherry.fails("proxy", "status", "--dir", str(tmp_path), code=1)
    assert "no proxy runs here" in said
