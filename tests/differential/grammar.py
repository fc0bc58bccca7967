"""Dockerfiles drawn from a grammar: stages, ARG and ENV in any order, quotes, here-documents, wildcards."""

from __future__ import annotations

import random
from typing import NamedTuple

NAMES = ("A", "B", "C", "PATH", "D_1", "é")
VALUES = (
    "1",
    "x y",
    "a/b.c.d",
    "",
    "é",
    "$A",
    "${B}",
    "${C:-d}",
    "${A:+y}",
    "${B#*.}",
    "${B%%.*}",
    "${A/1/2}",
    "${B//./\\/}",
    "$D_1$A",
    "\\$A",
    "a\\ b",
    "'$A'",
    '"$B q"',
    "'x'\"y\"z",
    "$001",
    "${9:-n}",
    "\\\\",
    "$",
    "<<x",
)
FILES = (
    "file",
    "dir/a",
    "dir",
    "*.txt",
    "d*/[ab]",
    "di?",
    "l*k",
    "hard/one",
    "./dir/../file",
    "with\\ space",
)
FLAGS = (
    "", "", "", "--chown=7:8 ", "--chmod=640 ", "--link ", "--chown=app ", "--chown=:8 ",
    "--chmod=u+x,g-r ", "--link --chown=7 ", "--parents ",
)  # fmt: skip
ARCHIVES = tuple(
    f"ADD {flag}tars/{name}.tar {place}"
    for name in ("through", "own-link", "absolute", "replaced", "dot", "folder")
    for flag, place in (("", "/"), ("", "/l/"), ("--chown=7:8 ", "/x/$A/"))
)
PLACES = ("/x/", "/y/z/", "/x/$A/", "rel/", "/l/", "/x//y/./")
LINES = ("a\\b", "\\\\", "$A", "${B:-z}", "'q' \"r\"", "\\$C", "\ttab", "", "x\\\\y", "#no comment", "EOFx")
IGNORES = (
    "*.txt",
    "!two.txt",
    "dir/inner",
    "**/b",
    "h*/o?e",
    "!**/one",
    "[^d]*",
    "**.none",
    "node_modules/**",
)


class Drawn(NamedTuple):
    """A Dockerfile, its .dockerignore, and the build arguments that are given."""

    dockerfile: str
    ignore: str
    args: tuple[str, ...]


def draw(seed: int) -> Drawn:
    """The same for the same seed."""
    rng = random.Random(seed)
    stages = rng.randrange(1, 4)
    lines = [f"ARG {name}={rng.choice(('meta', '7', 'm.n'))}" for name in _some(rng, NAMES[:3], 2)]
    for number in range(stages):
        base = f"s{rng.randrange(number)}" if number and rng.random() < 0.5 else "bb"
        lines.append(f"FROM {base} AS s{number}")
        lines += [_instruction(rng, number) for _ in range(rng.randrange(2, 7))]
        lines.append(f'RUN echo "{" ".join(f"${name}" for name in NAMES[:3])}" > /told{number}')
    args = [word for name in _some(rng, NAMES[:3], 2) for word in ("--build-arg", f"{name}=given")]
    return Drawn(
        "\n".join(lines) + "\n", "\n".join(["Dockerfile*", *_some(rng, IGNORES, 3)]) + "\n", tuple(args)
    )


def _some(rng: random.Random, items: tuple[str, ...], most: int) -> list[str]:
    return rng.sample(items, rng.randrange(most + 1))


def _instruction(rng: random.Random, stage: int) -> str:
    kinds = (_env, _env, _arg, _arg, _label, _copy, _copy, _document, _workdir, _run, _rest)
    return rng.choice(kinds)(rng, stage)


def _env(rng: random.Random, _: int) -> str:
    if rng.random() < 0.2:
        return f"ENV {rng.choice(NAMES[:3])} {rng.choice(VALUES) or 'e'} tail"
    return "ENV " + " ".join(f"{n}={_value(rng)}" for n in rng.sample([n for n in NAMES if n != "PATH"], 2))


def _value(rng: random.Random) -> str:
    value = rng.choice(VALUES)
    return f'"{value}"' if " " in value and value[0] not in "'\"" and "\\ " not in value else value


def _arg(rng: random.Random, _: int) -> str:
    name = rng.choice(NAMES[:3])
    return f"ARG {name}" if rng.random() < 0.4 else f"ARG {name}={_value(rng)}"


def _label(rng: random.Random, _: int) -> str:
    return f"LABEL l{rng.randrange(3)}={_value(rng)}"


def _copy(rng: random.Random, stage: int) -> str:
    if stage and rng.random() < 0.3:
        return f"COPY --from=s{rng.randrange(stage)} /told* /etc/group {rng.choice(PLACES)}"
    if rng.random() < 0.15:
        return rng.choice(ARCHIVES)
    flags = rng.choice(FLAGS)
    return f"{rng.choice(('COPY', 'COPY', 'ADD'))} {flags}{rng.choice(FILES[:-1])} {rng.choice(PLACES)}"


def _document(rng: random.Random, _: int) -> str:
    word = rng.choice(("EOF", "'EOF'", '"EOF"', "-EOF"))
    text = "\n".join(rng.choices(LINES, k=rng.randrange(4)))
    end = "\tEOF" if word.startswith("-") else "EOF"
    head = rng.choice(("COPY <<{} /doc/", "COPY <<{} /d.txt", "RUN cat <<{} > /out"))
    return "\n".join(part for part in (head.format(word), text, end) if part)


def _workdir(rng: random.Random, _: int) -> str:
    return "WORKDIR " + rng.choice(("/w", "w2", "//a//b/", "..", "/w/../v", "$A", "/tmp", "./x/"))


def _run(rng: random.Random, _: int) -> str:
    return rng.choice(
        (
            "RUN pwd > /pwd; env | grep '^[A-D]' | sort > /env",
            "RUN mkdir -p /real && ln -sfn real /l",
            'RUN ["/bin/sh", "-c", "echo $A > /json"]',
            'RUN ["true"] || echo x > /no-json',
            "RUN --mount=type=bind,source=dir,target=/m cat /m/a > /mounted",
            "RUN --mount=type=tmpfs,target=/m/$A true",
            "RUN --mount=type=cache,target=/c,id=$A echo x >> /c/n; ls /c > /cached",
            "RUN --mount=type=bind,from=bb,target=/m,source=/etc cat /m/passwd > /bound",
            "RUN mkdir -p /x && chgrp 7 /x && chmod 2775 /x",
            "RUN mkdir -p /x && ln -sfn /x /y; readlink /y > /ls; true",
            "RUN rm -rf /x /l; mkdir -p /x; chmod 700 /x",
            "RUN mkdir -p /way-real && ln -sfn /way-real /way; touch /a; chmod 4755 /a",
            "RUN cd /tmp && ln /etc/passwd p 2>/dev/null; rm -f /tmp/p; true",
            "RUN mv /x /moved 2>/dev/null; true",
            "RUN echo a \\\n  # said\n\n  && echo b > /b",
        )
    )


def _rest(rng: random.Random, _: int) -> str:
    return rng.choice(
        (
            'CMD ["a", "$A"]',
            "CMD echo $A",
            'CMD ["a"] && b',
            "ENTRYPOINT e",
            "EXPOSE 80 81/UDP 5-7",
            "EXPOSE 1$D_1",
            'VOLUME ["/v"] /w',
            "VOLUME /v $B:x",
            "USER app",
            "USER 7",
            "STOPSIGNAL 9",
            "HEALTHCHECK --interval=5s CMD x $A",
            "MAINTAINER m",
            'SHELL ["/bin/sh", "-ec"]',
            "ONBUILD RUN echo $A > /onbuild",
        )
    )
