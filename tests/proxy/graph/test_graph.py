"""The graph: who wins, in which order, and what is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from support.services import endpoint, service, slice_of, snapshot
from wherry.proxy.graph.claim import Backend, Claim, Graph, Node
from wherry.proxy.graph.graph import MOST_SETTINGS, GraphBuilder
from wherry.proxy.graph.options import Options
from wherry.proxy.model import Rejected, Settings
from wherry.proxy.resources.snapshot import Snapshot

WEB = {"annotations": {"host": "web.example"}}


PLAIN = Settings()


def claim(name: str, host: str, settings: Settings = PLAIN) -> Claim:
    return Claim(name, (host, "/"), Backend(("10.0.0.1:80",)), settings)


class Said:
    """A part that says what it was given."""

    def __init__(self, *nodes: Node) -> None:
        self._nodes = nodes

    def nodes(self, snapshot: Snapshot) -> Sequence[Node]:
        return self._nodes


def settled(*parts: Said, rejected: Sequence[Rejected] = ()) -> Graph:
    return GraphBuilder(Options(), [lambda _, part=part: part for part in parts]).build(
        Snapshot(rejected=rejected)
    )


def won(graph: Graph) -> list[tuple[str, str]]:
    return [(one.where[0], one.name) for one in graph.claims]


def test_the_older_object_has_it_and_the_other_is_told_whose_it_is() -> None:
    young, old = Node(("2", "n", "a"), (claim("n/a", "x"),)), Node(("1", "n", "b"), (claim("n/b", "x"),))
    for parts in ((Said(young), Said(old)), (Said(old), Said(young)), (Said(old, young),)):
        graph = settled(*parts)
        assert won(graph) == [("x", "n/b")]
        assert graph.rejected == (Rejected("n/a", "host-taken", "x/ belongs to n/b, which came first"),)


def test_ties_are_broken_by_namespace_and_name_and_who_has_no_age_comes_last() -> None:
    nodes = [Node(age, (claim("/".join(age[1:]), "x"),)) for age in (("1", "b", "a"), ("~", "a", "a"))]
    assert won(settled(Said(*nodes), Said(Node(("1", "a", "z"), (claim("a/z", "x"),))))) == [("x", "a/z")]


def test_parts_meet_in_the_order_of_their_age() -> None:
    first = Said(*(Node((str(i), "", ""), (claim(f"s{i}", f"h{i}"),)) for i in (1, 3, 5)))
    second = Said(*(Node((str(i), "", ""), (claim(f"s{i}", f"h{i}"),)) for i in (0, 2, 9)))
    assert [host for host, _ in won(settled(first, second))] == ["h0", "h1", "h2", "h3", "h5", "h9"]
    assert settled() == Graph()


def test_reports_begin_with_the_sources_and_then_go_by_age() -> None:
    told = [Rejected(name, "r", "m") for name in ("source", "old", "young")]
    graph = settled(
        Said(Node(("2", "", ""), rejected=(told[2],))),
        Said(Node(("1", "", ""), rejected=(told[1],))),
        rejected=(told[0],),
    )
    assert graph.rejected == tuple(told)


def test_a_claim_beyond_the_sets_of_settings_takes_nothing_from_the_next() -> None:
    own = [Settings(read_timeout=n + 1) for n in range(MOST_SETTINGS)]
    nodes = [Node((f"{n:04}", "", ""), (claim(f"s{n}", f"h{n}", s),)) for n, s in enumerate(own)]
    beyond = Node(("5000", "", ""), (claim("late", "wanted", Settings(body_size=7)),))
    after = Node(("6000", "", ""), (claim("later", "wanted", own[0]),))
    graph = settled(Said(*nodes, beyond, after))
    assert ("wanted", "later") in won(graph) and [r.reason for r in graph.rejected] == ["too-many-settings"]


def test_who_lost_has_it_when_the_winner_is_gone() -> None:
    builder = GraphBuilder(Options())
    both = snapshot(service("a", created="2026-01-01", **WEB), service("b", created="2026-01-02", **WEB))
    assert won(builder.build(both)) == [("web.example", "default/a:80")]
    assert won(builder.build(snapshot(service("b", created="2026-01-02", **WEB)))) == [
        ("web.example", "default/b:80")
    ]
    assert won(builder.build(both)) == [("web.example", "default/a:80")]


def test_an_object_that_is_as_it_was_gives_the_very_same_claims() -> None:
    builder = GraphBuilder(Options(endpoints=True))

    def claims(*objects: dict[str, Any]) -> dict[str, Claim]:
        return {one.name: one for one in builder.build(snapshot(*objects)).claims}

    ends = slice_of("b", endpoint("10.1.0.1"))
    first = claims(service("a"), service("b"), ends)
    again = claims(service("b"), service("a"), ends)  # a list after a 410: equal, and other tuples
    assert all(again[name] is one for name, one in first.items())
    changed = claims(service("a", **WEB), service("b"), slice_of("b", endpoint("10.1.0.2")))
    assert all(changed[name] is not one for name, one in first.items())
    assert changed["default/b:80"].backend.addresses == ("10.1.0.2:8080",)
