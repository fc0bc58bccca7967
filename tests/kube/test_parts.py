"""The pure parts of list and watch: selectors, lines, the reflector."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.kube.faults import DROPPED, EXPIRED, FUTURE, SILENT, UNREACHABLE, Fault
from wherry.kube.lines import Lines, TooLong
from wherry.kube.reflector import Changes, Event, Item, List, Policy, Reflector, Watch
from wherry.kube.resource import Invalid
from wherry.kube.selector import BadSelector, Requirement, parse
from wherry.proxy.resources.endpoint_slice import ENDPOINT_SLICES, EndpointSlice
from wherry.proxy.resources.service import SERVICES, Service


@pytest.mark.parametrize(
    "text, found",
    [
        ("", ()),
        ("app", (Requirement("app", "exists"),)),
        ("!app", (Requirement("app", "missing"),)),
        ("app=web", (Requirement("app", "in", ("web",)),)),
        ("app == web", (Requirement("app", "in", ("web",)),)),
        ("app=", (Requirement("app", "in", ("",)),)),
        ("app!=web", (Requirement("app", "notin", ("web",)),)),
        ("tier in (b, a,a)", (Requirement("tier", "in", ("a", "b")),)),
        ("tier notin ()", (Requirement("tier", "notin", ("",)),)),
        ("a.b/c in (x),!d , e!=f", (
            Requirement("a.b/c", "in", ("x",)), Requirement("d", "missing"),
            Requirement("e", "notin", ("f",)),
        )),
    ],
)  # fmt: skip
def test_a_selector_is_read_as_kubectl_does(text: str, found: tuple[Requirement, ...]) -> None:
    assert parse(text) == found


@pytest.mark.parametrize(
    "text",
    [",", "a,", "a,,b", "a b", "a in", "a in x", "a in (x", "a in (x y)", "=", "!", "a=b=c", "a>1", "-a",
     "a=b c", "a=" + "x" * 64, "in in (in) in", "é"],
)  # fmt: skip
def test_what_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(BadSelector):
        parse(text)


@given(st.text(max_size=30))
def test_any_text_is_a_selector_or_is_refused(text: str) -> None:
    try:
        parse(text)
    except BadSelector as bad:
        assert str(bad)


@given(st.lists(st.binary(max_size=8).filter(lambda b: b"\n" not in b)), st.lists(st.integers(1, 5)))
def test_lines_are_the_same_wherever_the_stream_is_cut(lines: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(line + b"\n" for line in lines) + b"rest"
    reader, found = Lines(), []
    while stream:
        size = cuts.pop() if cuts else len(stream)
        found += reader.feed(stream[:size])
        stream = stream[size:]
    assert found == [line for line in lines if line.strip()]
    assert reader.partial


def test_a_line_without_an_end_is_given_up() -> None:
    reader = Lines(largest=10)
    reader.feed(b"12345")
    with pytest.raises(TooLong):
        reader.feed(b"678901")


POLICY = Policy(page_size=2, first_pause=1.0, longest_pause=8.0)


def item(name: str, version: int, value: str = "") -> Item[str]:
    return Item(("default", name), version, value or f"{name}@{version}")


def event(kind: str, name: str, version: int) -> Event[str]:
    return Event(kind, version, item(name, version))


def listed(*items: Item[str], version: int = 10) -> Reflector[str]:
    reflector: Reflector[str] = Reflector(POLICY)
    reflector.page(items, version, "")
    return reflector


def key(name: str) -> tuple[str, str]:
    return ("default", name)


def test_pages_are_one_truth_when_the_last_has_come() -> None:
    reflector: Reflector[str] = Reflector(POLICY)
    assert reflector.request() == List(2)
    assert not reflector.page([item("a", 1), item("b", 2)], 9, "next")
    assert reflector.request() == List(2, "next") and not reflector.listed
    assert reflector.page([item("c", 3)], 9, "") == Changes((key("a"), key("b"), key("c")))
    assert reflector.request() == Watch(9) and reflector.listed


def test_a_410_relists_and_reports_what_vanished() -> None:
    reflector = listed(item("a", 1), item("b", 2))
    reflector.ended(Fault(EXPIRED, ""), 0)
    assert reflector.request() == List(2)
    changes = reflector.page([item("b", 2), item("c", 12)], 20, "")
    assert changes == Changes((key("c"),), (key("a"),))
    assert reflector.request() == Watch(20)


def test_a_server_that_is_behind_us_is_listed_again() -> None:
    reflector = listed(item("a", 1))
    reflector.ended(Fault(FUTURE, ""), 0)
    assert reflector.request() == List(2)


def test_an_expired_page_begins_again_and_the_second_time_all_at_once() -> None:
    reflector: Reflector[str] = Reflector(POLICY)
    for limit in (2, 0):
        reflector.page([item("a", 1)], 9, "token")
        reflector.ended(Fault(EXPIRED, ""), 0)
        assert reflector.request() == List(limit)
    assert reflector.page([item("b", 1)], 9, "") == Changes((key("b"),)), "nothing of the lost pages stays"


def test_old_news_changes_nothing() -> None:
    reflector = listed(item("a", 10), version=10)
    assert not reflector.event(event("MODIFIED", "a", 10))
    assert not reflector.event(event("DELETED", "a", 9))
    assert reflector.event(event("DELETED", "a", 12)) == Changes(gone=(key("a"),))
    assert not reflector.event(event("MODIFIED", "a", 11)), "it was deleted later"
    assert reflector.event(event("ADDED", "a", 13)) == Changes((key("a"),))


def test_a_bookmark_is_where_a_cut_watch_goes_on() -> None:
    reflector = listed(version=10)
    reflector.event(event("ADDED", "a", 15))
    reflector.event(Event("BOOKMARK", 20))
    reflector.event(event("ADDED", "b", 25))
    reflector.ended(Fault(DROPPED, ""), 0)
    assert reflector.request() == Watch(20), "what came after it may have come in disorder"
    assert not reflector.event(event("ADDED", "b", 25)), "it comes again"
    reflector.ended(None, 0)
    assert reflector.request() == Watch(25)


def test_two_watches_that_bring_nothing_are_followed_by_a_list() -> None:
    reflector = listed(version=10)
    reflector.accepted()
    reflector.ended(Fault(SILENT, ""), 0)
    assert reflector.request() == Watch(10)
    reflector.ended(Fault(DROPPED, ""), 0)
    assert reflector.request() == Watch(10), "it was never open"
    reflector.accepted()
    reflector.ended(None, 0)
    assert reflector.request() == List(2)


def test_pauses_grow_up_to_a_limit_and_end_with_success() -> None:
    reflector: Reflector[str] = Reflector(POLICY)
    fault = Fault("5xx", "")
    assert [reflector.ended(fault, 0.999999) for _ in range(6)] == pytest.approx(
        [1, 2, 4, 8, 8, 8], rel=1e-3
    )
    reflector.page([], 1, "")
    assert reflector.ended(Fault(DROPPED, ""), 0) == pytest.approx(0.5)
    assert reflector.ended(Fault("429", "", retry_after=60), 0) == 60


@given(st.data())
def test_in_whatever_order_and_however_often_events_come_the_end_is_the_servers(
    data: st.DataObject,
) -> None:
    """Events of a watch, some twice and neighbours swapped, then a cut and all again from the floor."""
    names = st.sampled_from("abc")
    held: dict[str, int] = {}
    events: list[Event[str]] = []
    for version in range(11, 11 + data.draw(st.integers(0, 15))):
        name = data.draw(names)
        if name in held and data.draw(st.booleans()):
            del held[name]
            events.append(event("DELETED", name, version))
        else:
            events.append(event("MODIFIED" if name in held else "ADDED", name, version))
            held[name] = version
    reflector = listed(version=10)
    sent = [e for e in events for _ in range(data.draw(st.integers(1, 2)))]
    for at in range(0, len(sent) - 1, 3):
        if data.draw(st.booleans()):
            sent[at], sent[at + 1] = sent[at + 1], sent[at]
    cut = data.draw(st.integers(0, len(sent)))
    known: set[tuple[str, str]] = set()
    for one in [*sent[:cut], *events]:
        changes = reflector.event(one)
        known = (known | set(changes.present)) - set(changes.gone)
    assert {k[1]: i.version for k, i in reflector.held().items()} == held
    assert known == set(reflector.held()), "who only listens to the changes knows the same"


def test_a_list_after_a_410_does_not_wait_however_long_the_server_was_away() -> None:
    reflector: Reflector[str] = Reflector(Policy(first_pause=1.0))
    reflector.page([], 5, "")
    reflector.accepted()
    for _ in range(8):
        assert reflector.ended(Fault(UNREACHABLE, ""), 0.999) <= 2.0
    assert reflector.ended(Fault(EXPIRED, ""), 0.5) == 0.0
    reflector.page([], 90, "")
    assert reflector.ended(Fault(EXPIRED, ""), 0.0) == 0.5, (
        "a server that always says so is not asked at once"
    )
    reflector.page([], 91, "")
    assert reflector.ended(Fault(EXPIRED, ""), 0.0) == 1.0
    reflector.page([], 92, "")
    reflector.event(event("ADDED", "a", 93))
    assert reflector.ended(Fault(EXPIRED, ""), 0.5) == 0.0


def test_each_kind_of_fault_waits_for_itself() -> None:
    """A server that starts says 503 and 403 before all is well: none inherits the others' patience."""
    reflector: Reflector[str] = Reflector(Policy(first_pause=1.0))
    for _ in range(9):
        reflector.ended(Fault("5xx", ""), 0)
    assert reflector.ended(Fault("5xx", ""), 0) == 15.0
    assert reflector.ended(Fault("403", ""), 0) == 0.5


def test_what_lets_requests_be_answered_is_urgent() -> None:
    def came(before: object, now: object) -> bool:
        return ENDPOINT_SLICES.urgent(before, now)

    none, ready = EndpointSlice("d", "s", "web"), EndpointSlice("d", "s", "web", addresses=("10.0.0.1",))
    ending = EndpointSlice("d", "s", "web", terminating=("10.0.0.1",))
    assert came(None, ready) and came(none, ready) and came(none, ending)
    assert not came(ready, none) and not came(ending, ready) and not came(None, none)
    assert not came(ready, ready._replace(addresses=("10.0.0.1", "10.0.0.2")))
    assert came(Invalid("d", "s", ""), ready) and not came(ready, Invalid("d", "s", ""))
    assert SERVICES.urgent(None, Service("d", "web"))
    assert not SERVICES.urgent(Service("d", "web"), Service("d", "web", uid="x"))
