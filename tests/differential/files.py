# ruff: noqa: E501 - a Dockerfile a line
"""COPY, ADD and the folders that they reach: links, owners, modes, names with wildcards' characters."""

from __future__ import annotations

from differential.corpus import cases

# What both refuse.
REFUSED = (
    "FROM bb\nCOPY no\\\\such /o/",
    'FROM bb\nCOPY ["no\\\\such", "/o/"]',
    "FROM bb\nRUN touch /way\nADD tars/through.tar /",
    "FROM bb\nRUN mkdir /n && ln -s /etc /n/way\nADD tars/through.tar /n",
    "FROM bb\nRUN mkdir /usr && ln -s usr /etc2\nCOPY dir /\nCOPY hard /inner\nRUN ln -s /etc /a\nCOPY dir /",
)

CASES = [
    *cases(
        "place",
        "ARG e\nWORKDIR /w\nCOPY --link file $e\nCOPY dir/a $e",
        "RUN mkdir -p /real/sub && ln -s real/sub /l\nCOPY file /l/../",
        "RUN mkdir -p /real/sub && ln -s real/sub /l\nCOPY dir /l/../z",
        "RUN mkdir -p /deep/er && ln -s deep/er /s\nWORKDIR /s\nCOPY file ../z/\nCOPY file .",
        "RUN mkdir -p /deep/er && ln -s /deep/er /s\nWORKDIR /s/../t\nCOPY file y/",
        "COPY file /a/../b/./c",
        "RUN mkdir /r && ln -s r /l\nADD plain.tar /l/",
        "RUN mkdir -p /usr/bin && ln -s usr/bin /t\nADD plain.tar /",
        "RUN mkdir /r && ln -s /r /l\nCOPY dir /l/new",
        "RUN mkdir -p /g && chown 0:7 /g && chmod 2755 /g\nWORKDIR /g/w\nCOPY dir /g/d\nCOPY file /g/n/f",
        "COPY --chmod=700 file /p/q/f",
        "COPY --chmod=u=rwX,go= dir /p/q/",
        "COPY --chown=1000 --chmod=640 file dir/a /p/q/",
        "COPY --chown=$NO:$NO file /x",
        "COPY --link --chmod=711 dir /x/y",
        "COPY l\\ink /x",
        "COPY di\\r/a /x",
        "COPY dir/[a] /x",
        "COPY dir/\\a /x",
        "COPY --exclude=a --exclude=inner/* dir /x",
        "COPY --exclude=**/c --exclude=/b dir /x",
        "COPY --parents dir/inner/c file /x/",
        "COPY --parents dir/./inner/* /x/",
        "COPY --parents **/c d*/a /x/",
        "FROM bb AS a\nRUN mkdir -p /s/t && touch '/s/a*b' /s/axb /s/t/f && ln -s s /u\nFROM bb\nCOPY --from=a /s/a\\*b /o/\nCOPY --from=a /u/t /v/\nCOPY --from=a /s/a* /w/",
        "FROM bb AS a\nRUN mkdir /d && chmod 2770 /d && chown 5:6 /d && touch /d/f\nFROM bb\nCOPY --from=a /d /e\nCOPY --from=a --chown=7 /d /g",
        "RUN touch -d @1000000000 /etc\nCOPY file /etc/x",
        "RUN chown 7:8 / && chmod 711 /\nCOPY file /x",
        "RUN chown 7:8 /etc; cat /etc/passwd > /dev/null; cp -p /etc/passwd /p; cat /etc/group >> /etc/group.new",
        "RUN mkdir -p /a/b && echo x > /a/b/f\nRUN rm -r /a && mkdir /a && touch /a/g",
    ),
    *cases(
        "unchanged",
        "RUN : >> /etc/passwd; chmod 700 /root; chown 0:0 /etc/group; mv /etc/group /g && mv /g /etc/group",
        "RUN mkdir -p /a/b/c && echo x > /a/b/f\nRUN chmod 755 /a/b; touch /a/b/c/n && rm /a/b/c/n; : >> /a/b/f",
    ),
    *cases(
        "unpack",
        "RUN mkdir -p /usr/bin && ln -s usr/bin /way\nADD tars/through.tar /",
        "RUN mkdir -p /x/usr/bin && ln -s /usr/bin /x/way\nADD tars/through.tar /x/",
        "RUN mkdir -p /usr/bin && ln -s usr/bin /way\nADD tars/folder.tar /",
        "RUN mkdir -p /usr/bin && touch /usr/bin/old && chmod 750 /usr/bin && chown 5:6 /usr && ln -s usr/bin /way\nADD tars/through.tar tars/folder.tar plain.tar /",
        "ADD tars/own-link.tar /x/",
        "ADD --chown=7:8 --chmod=700 tars/own-link.tar /x/",
        "RUN mkdir /real && ln -s /real /x\nADD tars/own-link.tar tars/absolute.tar /x/",
        "ADD tars/own-absolute-link.tar /x/",
        "ADD tars/absolute.tar /x/",
        "ADD tars/replaced.tar /x/",
        "RUN chmod 700 /root && mkdir -p /srv/d && chown 5:6 /srv/d\nADD tars/dot.tar /",
        "ADD tars/dot.tar tars/folder.tar tars/through.tar /n/",
        "RUN mkdir /etc/d && touch /etc/d/f\nADD tars/file.tar /",
        "FROM scratch\nADD tars/own-link.tar tars/through.tar /",
        "ADD --link tars/own-link.tar tars/through.tar /",
    ),
]
