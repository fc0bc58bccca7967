# ruff: noqa: E501 - a Dockerfile a line
"""Small Dockerfiles, each about one thing.  Every one starts from ``bb`` unless it says FROM itself.

Docker 20.10's BuildKit and wherry build them with the same context (`context.make`); what they give is
compared in every field and every byte.
"""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """`args` are given to both builders."""

    name: str
    dockerfile: str
    args: tuple[str, ...] = ()


def _cases(area: str, *texts: str | tuple[str, ...]) -> list[Case]:
    found = []
    for number, text in enumerate(texts):
        dockerfile, *args = (text,) if isinstance(text, str) else text
        whole = (
            dockerfile
            if dockerfile.lstrip().upper().startswith(("FROM", "ARG", "#"))
            else f"FROM bb\n{dockerfile}"
        )
        found.append(Case(f"{area}-{number:02}", f"{whole}\n", tuple(args)))
    return found


CASES = [
    *_cases(
        "env",
        "ENV a=b",
        "ENV a b c",
        "ENV a=\"b c\" d=e\\ f g='h $i'",
        "ENV a=1\nENV b=$a c=${a} d=\\$a e='$a' f=\"$a\"",
        "ENV a=1\nENV a=2 b=$a",
        "ENV a=1\nENV b=${a:-x} c=${z:-x} d=${a:+y} e=${z:+y}",
        "ENV a=$z b=${z}",
        "ENV PATH=/opt:$PATH",
        'ENV a="multi \\\nline"',
        "ENV a=b\\nc",
        'ENV a="quo\\"te" b=\'it"s\'',
        "ENV é=ü ключ=значение",
        "ENV a= b=",
        'ENV JSON={"a":1}',
        "ENV a=1 \\\n    # a comment\n    b=2 \\\n\n    c=3",
    ),
    *_cases(
        "label",
        "LABEL a=b",
        "LABEL a b c",
        'LABEL "a b"="c d" e=f',
        "ENV v=1\nLABEL a=$v b='$v' c=\"$v\"",
        "LABEL a=1\nLABEL a=2 b=3",
        'LABEL a="multi \\\nline"',
        "LABEL a.b.c/d=e",
        ("LABEL a=1", "--label", "a=2", "--label", "b=c d"),
    ),
    *_cases(
        "arg",
        "ARG a=1\nENV b=$a",
        ("ARG a=1\nENV b=$a", "--build-arg", "a=2"),
        ("ARG a\nENV b=$a", "--build-arg", "a=2"),
        "ARG a\nENV b=x$a",
        "ARG a=1\nENV a=2\nENV b=$a",
        "ARG a=1\nRUN echo $a > /out",
        ("ARG a=1\nRUN echo $a > /out", "--build-arg", "a=x y"),
        "ARG a=1\nARG b=$a\nLABEL c=$b",
        "ARG V=bb\nFROM $V\nENV x=$V",
        "ARG V=bb\nFROM ${V}\nARG V\nENV x=$V",
        ("ARG V=none\nFROM $V\nARG V=inner\nENV x=$V", "--build-arg", "V=bb"),
        "ARG a=1 b=2\nLABEL c=$a$b",
        ("RUN echo ${HTTP_PROXY:-none} > /out", "--build-arg", "HTTP_PROXY=http://p"),
    ),
    *_cases(
        "run",
        "RUN echo a > /a",
        'RUN ["/bin/sh", "-c", "echo a > /a"]',
        "RUN echo a \\\n  && echo b > /b",
        "RUN echo a > /a\nRUN rm /a",
        "RUN mkdir -p /d/e && echo x > /d/e/f\nRUN rm -r /d && mkdir /d",
        "RUN rm -r /tmp",
        "RUN chmod 4755 /bin/busybox && chown 7:8 /root",
        "RUN ln -s /nowhere /l && ln /etc/passwd /p && mkfifo /f",
        "RUN mknod /n c 1 3 && mknod /b b 7 0",
        "RUN mkdir /t && chmod 1777 /t && touch -d @1000000000 /t/x",
        "RUN umask > /out; pwd >> /out; id -u >> /out",
        'ENV A=1\nRUN echo $A "$HOME" > /out',
        "WORKDIR /w\nRUN pwd > out",
        "USER app\nRUN id > /tmp/out; echo $HOME >> /tmp/out",
        "USER 1000:3\nRUN id -u > /tmp/out; id -g >> /tmp/out",
        "RUN echo a > /a && mv /a /b\nRUN mv /b /a",
        "RUN sh -c 'echo x > /file; rm /file; mkdir /file'",
        "RUN echo '#' '$' \"\\\"\" > /out",
        'SHELL ["/bin/sh", "-ec"]\nRUN false || echo x > /out',
        "RUN cp -a /bin/busybox /copy && ln /copy /hard",
        "RUN --mount=type=tmpfs,target=/m touch /m/x && ls /m > /out",
        "RUN --mount=type=bind,source=dir,target=/m cat /m/a > /out",
        "RUN --mount=type=cache,target=/m echo x > /m/y && ls /m > /out",
    ),
    *_cases(
        "copy",
        "COPY file /",
        "COPY file /x",
        "COPY file /x/",
        "COPY file .",
        "WORKDIR /w\nCOPY file .",
        "WORKDIR /w\nCOPY file sub/",
        "COPY dir /d",
        "COPY dir /d/",
        "COPY dir/ /d",
        "COPY dir/a dir/b /d/",
        "COPY d* /x/",
        "COPY dir/* /x/",
        "COPY dir/[ab] /x/",
        "COPY dir/? /x/",
        "COPY *.txt /x/",
        "COPY . /all",
        "COPY ./dir/../file /x",
        "COPY /file /x",
        "COPY --chown=app file /x",
        "COPY --chown=app:extra dir /x",
        "COPY --chown=70000:80000 dir /x",
        "COPY --chown=5 dir /new/deep/x",
        "COPY --chmod=600 file /x",
        "COPY --chmod=0750 dir /x",
        'COPY ["file", "with space", "/x/"]',
        "ENV D=/e F=file\nCOPY $F ${D}/",
        "COPY link /x/",
        "COPY linkdir /x",
        "COPY dir/inner /x/",
        "COPY exec /x",
        "RUN mkdir /e && ln -s e /s\nCOPY file /s/",
        "COPY dir /etc",
        "COPY file /etc/passwd",
        "COPY empty /x",
        "COPY emptydir /x",
        "COPY hard /x",
        "COPY umlaut-ä /",
        "COPY file /a/b/c/d",
        "RUN mkdir -m 700 /keep\nCOPY dir /keep/",
        "COPY sub.txt /x\nCOPY file /x",
    ),
    *_cases(
        "add",
        "ADD file /x",
        "ADD plain.tar /x/",
        "ADD packed.tar.gz /x/",
        "ADD packed.tar.bz2 /x/",
        "ADD packed.tar.xz /x/",
        "COPY packed.tar.gz /x/",
        "ADD plain.tar /new/deep",
        "ADD dir /x",
        "ADD --chown=app file /x",
        "ADD not-a.tar /x/",
    ),
    *_cases(
        "stages",
        "FROM bb AS a\nRUN echo x > /x\nFROM bb\nCOPY --from=a /x /y",
        "FROM bb AS a\nRUN echo x > /x\nFROM bb\nCOPY --from=0 /x /y",
        "FROM bb AS a\nENV A=1\nRUN echo x > /x\nFROM a\nRUN cat /x > /y; echo $A >> /y",
        "FROM bb AS a\nRUN mkdir /d && echo x > /d/x && chown 7:8 /d/x && chmod 2755 /d\nFROM scratch\nCOPY --from=a /d /d",
        "FROM scratch\nCOPY --from=bb /etc/passwd /etc/group /e/",
        "FROM scratch\nCOPY file /",
        "FROM bb AS a\nRUN ln -s /etc/passwd /l && mkdir /k && ln -s ../etc /k/e\nFROM scratch\nCOPY --from=a /l /k /out/",
        ("FROM bb AS one\nENV A=1\nFROM one AS two\nENV A=2\nFROM bb\nENV A=3", "--target", "two"),
        ("FROM bb AS one\nENV A=1\nFROM bb\nENV A=3", "--target", "0"),
        "FROM bb AS a\nRUN echo 1 > /f && cp /bin/busybox /b && chmod 6711 /b\nFROM bb\nCOPY --from=a --chown=app /f /b /x/",
    ),
    *_cases(
        "config",
        'CMD ["a", "b c"]',
        "CMD echo hi",
        'ENTRYPOINT ["a"]',
        "ENTRYPOINT echo hi",
        'CMD ["a"]\nENTRYPOINT ["b"]',
        'ENTRYPOINT ["b"]\nCMD ["a"]',
        "CMD []",
        'SHELL ["/bin/sh", "-ec"]\nCMD echo hi',
        "EXPOSE 80 443/tcp 53/udp",
        "EXPOSE 8000-8002",
        "ENV P=80\nEXPOSE $P",
        "VOLUME /a /b",
        'VOLUME ["/a b"]',
        "USER app",
        "USER 1000:1000",
        "ENV U=app\nUSER $U",
        "WORKDIR /a",
        "WORKDIR a\nWORKDIR b",
        "WORKDIR /a/../b/./c",
        "ENV D=/d\nWORKDIR $D/e",
        "USER app\nWORKDIR /owned",
        "STOPSIGNAL SIGTERM",
        "STOPSIGNAL 9",
        "HEALTHCHECK CMD true",
        'HEALTHCHECK --interval=5s --timeout=1m --start-period=1h --retries=3 CMD ["a", "b"]',
        "HEALTHCHECK NONE",
        "MAINTAINER me <a@b>",
        "ONBUILD RUN echo x",
        "ONBUILD COPY file /\nONBUILD ENV a=b",
        'SHELL ["/bin/sh", "-c"]',
    ),
    *_cases(
        "text",
        'from bb\nrun echo x > /x\ncmd ["a"]',
        "# a comment\nFROM bb\n# another\nENV a=b",
        "# escape=`\nFROM bb\nENV a=1 `\n  b=2",
        "FROM bb\nRUN echo a \\\n# in between\n  b > /out",
        "FROM bb\n\n\n  ENV a=b  \n",
        "FROM bb\nENV a=b # not a comment",
        "FROM bb\r\nENV a=b\r\nRUN echo x > /x\r\n",
    ),
    *_cases(
        "ignore",
        ("COPY . /all", "-f", "ignored.Dockerfile"),
        ("COPY dir /d", "-f", "ignored.Dockerfile"),
    ),
]
