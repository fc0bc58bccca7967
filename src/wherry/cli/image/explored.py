"""PURE: an explored image as text for a terminal."""

from __future__ import annotations

import textwrap

from wherry.cli.core.printable import printable, width
from wherry.cli.core.units import human_size
from wherry.counted import counted
from wherry.explore.explore import OVERWRITTEN, REPEATED
from wherry.explore.stack import ADDED, CHANGED, REMOVED
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.explore.explore import Copies, Explored, Finding, Layer, Loss
    from wherry.explore.limits import Verdict
    from wherry.explore.stack import Change

MOST = 8
"""Losses, findings and copies that are shown."""
EXAMPLES = 2
INDENT = " " * 9
FIX = INDENT + "fix: "
MARKS = {ADDED: "A", CHANGED: "C", REMOVED: "D"}
WORDS = {
    REPEATED: ", the same again in",
    OVERWRITTEN: " overwritten by",
    REMOVED: " removed by",
}


def page(found: Explored, columns: int) -> str:
    """The first page: layers, what is carried for nothing, what few programs need; lines of `columns`."""
    lines = [*_head(found), "", *_layers(found.layers)]
    if found.losses:
        lines += ["", "In the layers, and in no file of the image:"]
        lines += _shown([_loss(found, loss) for loss in found.losses], len(found.losses))
    if found.copies:
        lines += ["", "The same content under several paths:"]
        lines += _shown([_copies(copies) for copies in found.copies[:MOST]], len(found.copies))
    if found.findings:
        lines += ["", "Few programs need this when they run:"]
        lines += _shown([_finding(found, one) for one in found.findings], len(found.findings))
    return "\n".join(text for line in lines for text in _fitted(printable(line), columns))


def _head(found: Explored) -> Iterator[str]:
    layers = counted(len(found.layers), "layer")
    files = counted(len(found.files), "file")
    platform = f", {found.platform}" if found.platform else ""
    yield f"{found.name}{platform}: {human_size(found.size)} in {layers}, {files}"
    hidden = f"{human_size(found.wasted)} hidden" if found.wasted else "nothing hidden"
    copies = f", {human_size(found.duplicated)} in copies" if found.duplicated else ""
    yield f"efficiency {100 * found.efficiency:.1f} %: {hidden}{copies}"


def _layers(layers: Sequence[Layer]) -> Iterator[str]:
    yield f"{'LAYER':>5} {'SIZE':>7} {'ADDED':>6} {'CHANGED':>7} {'REMOVED':>7} {'TIME':>6}  COMMAND"
    for layer in layers:
        kinds = [change.kind for change in layer.changes]
        made = layer.made
        seconds = f"{made.seconds:.1f}s" if made.seconds is not None else "-"
        place = "base: " if made.is_base else f"line {made.line}: " if made.line else ""
        yield (
            f"{layer.number:>5} {human_size(layer.size):>7} {kinds.count(ADDED):>6} "
            f"{kinds.count(CHANGED):>7} {kinds.count(REMOVED):>7} {seconds:>6}  {place}{made.command}"
        )


def _shown(blocks: Sequence[list[str]], total: int) -> Iterator[str]:
    for block in blocks[:MOST]:
        yield from block
    if total > MOST:
        yield f"{INDENT}and {total - MOST} more: see --json"


def _where(found: Explored, number: int) -> str:
    made = found.layers[number - 1].made
    if made.is_base:
        return f"layer {number} (of the base)"
    return f"layer {number} (line {made.line})" if made.line else f"layer {number}"


def _loss(found: Explored, loss: Loss) -> list[str]:
    count = f"{len(loss.hidden)} file{'s' * (len(loss.hidden) != 1)}"
    paths = [hidden.placed.file.path for hidden in loss.hidden]
    return [
        f"{human_size(loss.size):>7}  {count} of {_where(found, loss.of)}{WORDS[loss.kind]} "
        f"{_where(found, loss.by)}",
        *_examples(paths),
        f"{FIX}{loss.advice}",
    ]


def _copies(copies: Copies) -> list[str]:
    first, *others = [placed.file.path for placed in copies.files]
    return [f"{human_size(copies.wasted):>7}  {first}", *_examples(others)]


def _finding(found: Explored, finding: Finding) -> list[str]:
    count = f"{len(finding.files)} file{'s' * (len(finding.files) != 1)}"
    return [
        f"{human_size(finding.size):>7}  {finding.title}: {count} of {_where(found, finding.layer)}",
        *_examples([each.placed.file.path for each in finding.files]),
        f"{FIX}{finding.advice}",
    ]


def _examples(paths: Sequence[str]) -> Iterator[str]:
    yield from (INDENT + path for path in paths[:EXAMPLES])
    if len(paths) > EXAMPLES:
        yield f"{INDENT}and {len(paths) - EXAMPLES} more"


def _fitted(line: str, columns: int) -> list[str]:
    """Advice goes on in the next line, other lines are cut."""
    if width(line) <= columns:
        return [line]
    if line.startswith(FIX):
        return textwrap.wrap(line, columns, subsequent_indent=" " * len(FIX), break_on_hyphens=False)
    return [_cut(line, columns)]


def _cut(line: str, columns: int) -> str:
    while width(line) >= columns:
        line = line[: columns - 1] if len(line) >= columns else line[:-1]
    return line + "…"


def layer_page(layer: Layer) -> str:
    """What one layer does, a path a line: A added, C changed, D removed, with mode, owner and size."""
    made = layer.made
    head = f"layer {layer.number}: {human_size(layer.size)}{' ' + made.place if made.place else ''}"
    return "\n".join([head, made.command, *map(_change, layer.changes)])


def _change(change: Change) -> str:
    file = change.now or (change.before.file if change.before else None)
    assert file is not None  # noqa: S101
    kind = "/" if file.type == "folder" else f" -> {printable(file.target)}" if file.target else ""
    owner = f"{file.uid}:{file.gid}"
    size = human_size(file.size)
    return f"{MARKS[change.kind]} {file.mode:04o} {owner:>11} {size:>8}  {printable(change.path)}{kind}"


def verdict_page(verdicts: Sequence[Verdict]) -> str:
    """A rule a line, and what was found."""
    lines = []
    for verdict in verdicts:
        word = "ok    " if verdict.passed else "BROKEN"
        limit, found = _number(verdict.rule, verdict.limit), _number(verdict.rule, verdict.found)
        lines.append(f"{word}  {printable(verdict.rule)}: {found} (limit {limit})")
        if verdict.example and not verdict.passed:
            lines.append(f"        {printable(verdict.example)}")
    return "\n".join(lines)


def _number(rule: str, value: float) -> str:
    if rule == "lowest-efficiency":
        return f"{value:.3f}"
    if rule.endswith("percent"):
        return f"{value:.1f} %"
    return f"{value:g}" if rule.startswith(("absent", "highest-layers")) else human_size(value)
