"""Side-by-side measurements of wherry and its peers, in one run on one machine.

    __main__.py    the command line
    namespaces.py  everything below runs in namespaces of its own: when it ends, all that it started ends
    session.py     rounds, the clock, what was measured
    disks.py       a fresh ext4 with a journal for each builder
    programs.py    commands that are timed, daemons
    images.py      the base images, the same bytes for each builder
    trees.py       build contexts
    machine.py     what the figures belong to: kernel, cores, versions
    report.py      PURE: medians, winners, the table
    page.py        what a run leaves: results/DATE.md and .json
    bounds.py      PURE: what wherry promises, and whether it holds
    peers/         one file a program that is measured
    scenarios/     one file a subject; each has one row or a few of the table

A scenario is added by a file in scenarios/ and its name in scenarios/__init__.py; a peer likewise.
docs/performance.md says how to run it and how to read it.
"""
