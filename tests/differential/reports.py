"""What public reports about kaniko, buildah, podman and BuildKit tell of: each in its essence."""

from __future__ import annotations

from differential.corpus import cases

CASES = [
    *cases(
        "report",
        # GoogleContainerTools/kaniko#3166, #2794: what --chmod makes of folders
        "COPY --chmod=444 dir /d",
        "COPY --chmod=444 file /new/sub/f",
        # redhat-actions/buildah-build#140, moby/buildkit#3889: documents with wildcards
        "COPY <<EOF /etc/x.d/excludes\n# none\npath=/usr/share/man/*\npath=/usr/*/LC/*.mo\n[a-z]?\nEOF",
        "COPY --chmod=0600 <<one <<'two' /h/\n$PATH*\none\n$PATH*\ntwo",
        # DiamondLightSource/python-copier-template#288: symbolic modes
        "COPY --chmod=o+wrX . /w",
        "COPY --chmod=u=rwX,go= dir /w",
        "COPY --chmod=a+x,g-r file exec /w/",
        "FROM bb\nRUN mkdir -p /s && echo s > /s/f && chmod 600 /s/f\n"
        "FROM bb\nCOPY --from=0 --chmod=go+r /s /t",
        # podman-container-tools/buildah#3217, #4375, #5988: bind mounts from stages, relative, and written
        "RUN mkdir here\nRUN --mount=type=bind,source=dir,target=here ls -R here > /o",
        "WORKDIR /w\nRUN --mount=source=./dir/..,target=sub/x find sub | sort > /o",
        "FROM bb AS a\nRUN mkdir -p /v/t && echo one > /v/t/f\nFROM a\n"
        "RUN --mount=type=bind,from=a,src=/v/t,dst=/v/t,rw echo two > /v/t/f; cat /v/t/f > /o",
        "FROM bb AS common\nRUN echo c > /c\nFROM common AS a\nRUN echo f > /f\n"
        "FROM common AS b\nRUN echo f > /f\n"
        "FROM bb\nRUN --mount=from=a,target=/a --mount=from=b,target=/b cat /a/c /a/f /b/c /b/f > /o",
        # GoogleContainerTools/kaniko#1743, #2594: hard links between stages
        "FROM bb AS a\nRUN mkdir /s && echo x > /s/a && ln /s/a /s/b && mkdir /s/d && ln /s/a /s/d/c\n"
        "FROM bb\nCOPY --from=a /s /t\nCOPY --from=a /s/a /s/b /u/\nRUN stat -c %h /t/a /u/a > /o",
        "FROM bb AS a\nRUN mkdir /s && echo x > /s/a && ln /s/a /s/b\nFROM bb\n"
        "COPY --from=a /s/* /t/\nCOPY --from=a --parents /s/a /s/b /u/\nCOPY --from=a --parents /s/* /v/\n"
        "COPY --from=a /s /s /w/",
        "COPY hard/[ot]* /t/\nCOPY hard hard /u/\nCOPY --parents hard/[ot]* /v/",
        # GoogleContainerTools/kaniko#437, #915, #1036: symbolic links between stages
        "FROM bb AS a\nRUN mkdir /s && echo x > /s/real && ln -s real /s/l && ln -s /s /sl\n"
        "FROM bb\nRUN mkdir /t && ln -s /nowhere /t/l\nCOPY --from=a /s/real /t/r\n"
        "COPY --from=a /s/l /u/\n"
        "COPY --from=a /sl /v\nCOPY --from=a /sl/ /w\nCOPY --from=a /sl/l /x",
        "FROM bb AS a\nRUN mkdir /s && ln -s nowhere /s/l && ln -s .. /s/up\n"
        "FROM bb\nCOPY --from=a /s/ /t/",
        # osscontainertools/kaniko#626: what a file keeps inside a folder that is copied
        "FROM bb AS a\nRUN mkdir /s && cp /bin/busybox /s/b && chmod 6755 /s/b\n"
        "RUN chown 7:8 /s/b && chmod 1777 /s\n"
        "FROM bb\nCOPY --from=a /s /t\nCOPY --from=a --chown=9 /s /u",
        # GoogleContainerTools/kaniko#1670: a folder that a later step makes anew
        "RUN mkdir -p /d/e && echo 1 > /d/e/f\nRUN rm -rf /d && mkdir /d && echo 2 > /d/g\nCOPY dir /d/e",
    ),
]
REFUSED = [
    # actions/hello-world-docker-action#19
    "FROM bb\nCOPY --chmod 0755 file /f",
    "FROM bb\nCOPY --chmod=o+q file /f",
    "FROM bb\nCOPY --chmod= file /f\nCOPY --chmod=89 file /g",
]
