"""A small root file system and what steps do to it, as shell scripts."""

from __future__ import annotations

BASE = """
mkdir -p d/e/f g; echo 1 > d/one; echo 2 > d/e/two; echo 3 > three; ln -s three link; ln three hard
echo 4 > g/four; chmod 640 g/four; touch -d @1000000000 d/one d/e/two three g/four d d/e g
"""
EDITS = {
    "nothing": ":",
    "create": "echo new > d/new; mkdir -p x/y; echo z > x/y/z",
    "change bytes": "echo other > d/one",
    "append": "echo more >> d/e/two",
    "mode only": "chmod 600 d/one; chmod 700 d/e",
    "owner only": "chown 5:6 d/e/two; chown -h 7:8 link",
    "delete": "rm d/one; rm -r d/e; rm link",
    "rename a file": "mv d/one d/uno",
    "rename a folder": "mv d moved 2>/dev/null || { cp -a d moved; rm -r d; }",
    "folder becomes file": "rm -r d; echo f > d",
    "file becomes folder": "rm three hard; mkdir three; echo x > three/x",
    "deleted and made again": "rm -r d; mkdir d; echo n > d/n",
    "hard links": "ln g/four g/five; ln d/one one",
    "xattr": 'python3 -c \'import os; os.setxattr("d/one", "user.x", b"y")\'',
    "symlink changes": "rm link; ln -s d link",
    "setuid": "chmod 4755 d/one",
    "special": "mkfifo p; mknod c c 1 3",
}
