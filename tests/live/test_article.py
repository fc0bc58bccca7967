"""The article's Dockerfiles, as printed there, over local images with the names in their FROM lines.

The images are stand-ins: their ``go`` writes a program that says what it was built from, their ``apt-get``
does nothing.  What is shown is that the words work; the demo builds the real thing.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.registry import running_registry
from support.wherry import Wherry

pytestmark = [pytest.mark.root, pytest.mark.runtime]

STAND_IN = r"""
FROM bb
RUN mkdir -p /usr/bin /usr/lib/go-1.9/bin /go/src /home && for name in apt-get add-apt-repository; do \
      printf '#!/bin/sh\nexit 0\n' > /usr/bin/$name && chmod +x /usr/bin/$name; done \
 && { echo '#!/bin/sh'; echo '[ "$1 $2" = "build -o" ] && [ -f "$4" ] || exit 2'; \
      echo 'printf "#!/bin/sh\necho built from %s\n" "$4" > "$3"'; } > /usr/lib/go-1.9/bin/go \
 && chmod +x /usr/lib/go-1.9/bin/go && cp /usr/lib/go-1.9/bin/go /usr/bin/go
"""

FAT = """\
From ubuntu:14.04

RUN apt-get update \\
      && apt-get install -y software-properties-common \\
      && add-apt-repository ppa:gophers/archive \\
      && apt-get update \\
      && apt-get install -y golang-1.9-go \\
                            git \\
      && rm -rf /var/lib/apt/lists/*

ENV GOPATH /root/go
ENV GOROOT /usr/lib/go-1.9
ENV PATH="/usr/lib/go-1.9/bin:${PATH}"

COPY ./httpserver.go /root/httpserver.go
RUN go build -o /root/httpd /root/httpserver.go \\
      && chmod +x /root/httpd

WORKDIR /root
ENTRYPOINT ["/root/httpd"]
"""
BUILDER = """\
FROM golang:{tag}

WORKDIR /go/src
COPY ./httpserver.go .

RUN go build -o httpd ./httpserver.go
"""
TARGET = """\
From {base}

COPY ./httpd /root/httpd
RUN chmod +x /root/httpd

WORKDIR /root
ENTRYPOINT ["/root/httpd"]
"""
MULTI_STAGE = """\
FROM golang:alpine as builder

WORKDIR /go/src
COPY httpserver.go .

RUN go build -o httpd ./httpserver.go

From alpine:latest

WORKDIR /root/
COPY --from=builder /go/src/httpd .
RUN chmod +x /root/httpd

ENTRYPOINT ["/root/httpd"]
"""
NGINX = """\
FROM nginx
MAINTAINER Tony Bai <bigwhite.cn@aliyun.com>

COPY auto-reload-nginx.sh /home/auto-reload-nginx.sh
RUN chmod +x /home/auto-reload-nginx.sh

# install inotify
RUN apt-get update && apt-get install -y inotify-tools
"""


@pytest.fixture(scope="module")
def named_store(busybox_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store where a stand-in has the names of the article's images.  Copy it, do not change it."""
    folder = tmp_path_factory.mktemp("named")
    shutil.copytree(busybox_store, folder / "store", symlinks=True)
    wherry = Wherry(folder / "store")
    image = wherry.build(folder / "stand-in", STAND_IN)
    for name in ("ubuntu:14.04", "golang:1.9.2", "golang:alpine", "alpine", "nginx"):
        wherry("tag", image, name)
    return folder / "store"


@pytest.fixture
def named(named_store: Path, tmp_path: Path) -> Iterator[Wherry]:
    shutil.copytree(named_store, tmp_path / "store", symlinks=True)
    wherry = Wherry(tmp_path / "store")
    (tmp_path / "c").mkdir()
    (tmp_path / "c/httpserver.go").write_text("package main\n")
    yield wherry
    wherry.end()


def test_the_fat_image(named: Wherry, tmp_path: Path) -> None:
    context = tmp_path / "c"
    named.build(context, FAT, "-t", "repodemo/httpd:latest")
    assert named("run", "--rm", "repodemo/httpd") == "built from /root/httpserver.go"


@pytest.mark.parametrize(("tag", "base"), [("1.9.2", "ubuntu:14.04"), ("alpine", "alpine")])
def test_builder_and_target_with_glue(named: Wherry, tmp_path: Path, tag: str, base: str) -> None:
    context = tmp_path / "c"
    (context / "Dockerfile.build").write_text(BUILDER.format(tag=tag))
    (context / "Dockerfile.target").write_text(TARGET.format(base=base))
    named("build", "-t", "repodemo/httpd-builder:latest", "-f", "Dockerfile.build", ".", cwd=context)
    named("create", "--name", "extract-httpserver", "repodemo/httpd-builder", "true")
    named("cp", "extract-httpserver:/go/src/httpd", "./httpd", cwd=context)
    named("rm", "-f", "extract-httpserver")
    named("rmi", "repodemo/httpd-builder")
    named("build", "-t", "repodemo/httpd:latest", "-f", "Dockerfile.target", ".", cwd=context)
    assert named("run", "--rm", "repodemo/httpd:latest") == "built from ./httpserver.go"


def test_the_multi_stage_one(named: Wherry, tmp_path: Path) -> None:
    named.build(tmp_path / "c", MULTI_STAGE, "-t", "repodemo/httpd-multi-stage")
    assert named("run", "--rm", "repodemo/httpd-multi-stage") == "built from ./httpserver.go"


def test_the_nginx_image_of_the_second_article(named: Wherry, tmp_path: Path) -> None:
    (tmp_path / "c/auto-reload-nginx.sh").write_text("#!/bin/sh\n")
    image = named.build(tmp_path / "c", NGINX)
    assert named("inspect", "--format", "{{.Author}}", image) == "Tony Bai <bigwhite.cn@aliyun.com>"


@pytest.mark.registry
def test_the_nginx_image_goes_to_a_registry_and_a_cluster_pulls_it(
    named: Wherry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``docker tag``, ``docker push``, and what a node does then, with localhost:5000 for the registry."""
    monkeypatch.setenv("HOME", str(tmp_path))
    name = "localhost:5000/xxxx/nginx"
    (tmp_path / "c/auto-reload-nginx.sh").write_text("#!/bin/sh\necho reloads\n")
    image = named.build(tmp_path / "c", NGINX)
    with running_registry(tmp_path / "registry", port=5000):
        named("tag", image.removeprefix("sha256:")[:12], name)
        assert f"The push refers to repository [{name}]" in named("push", name)
        node = Wherry(tmp_path / "node")
        said = node("pull", name)
        assert f"Status: Downloaded newer image for {name}:latest" in said
        assert node("run", "--rm", name, "/home/auto-reload-nginx.sh") == "reloads"
        listed = node("images", "--format", "{{.Repository}} {{.Tag}} {{.ID}}")
        assert listed == f"{name} latest {image.removeprefix('sha256:')[:12]}"
        node("rmi", name)
        assert node("images", "-q") == ""
