"""The screen of the terminal explorer.  Names come from strangers: they are text, never markup."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import App
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Input, Static, Tree

from wherry.cli.core.units import human_size
from wherry.cli.explorer.folders import Folder, tree
from wherry.cli.explorer.preview import MOST, lines, numbered
from wherry.errors import WherryError
from wherry.explore.between import between
from wherry.explore.stack import ADDED, CHANGED, REMOVED
from wherry.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.widgets.tree import TreeNode

    from wherry.explore.explore import Explored, Layer
    from wherry.explore.stack import Change

STYLES = {"+": "green", "~": "yellow", "-": "red", " ": ""}
KINDS = ("", ADDED, CHANGED, REMOVED)
OPEN_ALL = 300
"""Changes up to which a filtered tree is opened altogether."""


class Shown(ModalScreen[None]):
    """Some lines over the screen, until a key or a click closes them."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,enter", "dismiss", "Close")]
    CSS = """
    Shown { align: center middle; }
    Shown > VerticalScroll {
        width: 90%; height: 85%; border: round $accent; background: $surface; padding: 0 1;
    }
    """

    def __init__(self, title: str, text: Sequence[Text], line: int = 0) -> None:
        super().__init__()
        self._title, self._text, self._line = title, text, line

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="shown") as scroll:
            scroll.border_title = Text(self._title).markup
            yield Static(Text("\n").join(self._text))

    def on_mount(self) -> None:
        scroll = self.query_one("#shown", VerticalScroll)
        scroll.focus()
        scroll.scroll_to(y=max(0, self._line - 6), animate=False)

    def on_click(self) -> None:
        self.dismiss()


class Explorer(App[None]):
    """Layers on the left, what the chosen one does on the right.

    `compare` holds a layer: what is shown then is what differs between it and the chosen one.
    """

    TITLE = "wherry explore"
    CSS = """
    #about { height: 1; background: $panel; padding: 0 1; }
    #left { width: 45%; }
    #layers { height: 60%; border: round $primary; }
    #layer { height: 1fr; border: round $primary; padding: 0 1; overflow-y: auto; }
    #right { width: 1fr; }
    #filter { border: round $primary; height: 3; }
    #files { border: round $primary; height: 1fr; }
    #layers:focus, #filter:focus, #files:focus { border: round $accent; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("slash", "search", "Filter"),
        ("k", "kind", "Kind of change"),
        ("d", "mark", "Compare from here"),
        ("a", "all", "Whole image"),
        ("g", "line", "Dockerfile"),
        ("tab", "app.focus_next", "Next part"),
        ("q", "quit", "Quit"),
    ]

    def __init__(self, found: Explored, dockerfiles: dict[str, str]) -> None:
        """`dockerfiles` are the texts of those that are still there, by their paths."""
        super().__init__()
        self._found = found
        self._dockerfiles = dockerfiles
        self._number = 1
        self._from: int | None = None
        self._kind = 0

    def compose(self) -> ComposeResult:
        found = self._found
        yield Static(
            Text(
                f"{printable(found.name)}  {human_size(found.size)}  "
                f"efficiency {100 * found.efficiency:.1f} %  {human_size(found.wasted)} hidden  "
                f"{human_size(found.duplicated)} in copies"
            ),
            id="about",
        )
        with Horizontal():
            with Vertical(id="left"):
                yield DataTable(id="layers", cursor_type="row", zebra_stripes=True)
                yield Static(id="layer")
            with Vertical(id="right"):
                yield Input(placeholder="words of a path", id="filter")
                yield Tree("", id="files")
        yield Footer()

    def on_mount(self) -> None:
        table = self.query_one("#layers", DataTable)
        table.add_columns("#", "size", "hidden", "command")
        for layer in self._found.layers:
            hidden = human_size(layer.hidden) if layer.hidden else ""
            table.add_row(
                str(layer.number), human_size(layer.size), hidden, Text(printable(layer.made.command))
            )
        table.focus()
        self._show()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        self._number = event.cursor_row + 1
        self._show()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._show_files()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.query_one("#files", Tree).focus()

    def on_tree_node_expanded(self, event: Tree.NodeExpanded[Folder]) -> None:
        _open(event.node)

    def on_tree_node_selected(self, event: Tree.NodeSelected[Folder]) -> None:
        folder = event.node.data
        if folder is not None and not folder.below and folder.change is not None:
            self.push_screen(_preview(folder.change))

    def action_search(self) -> None:
        self.query_one("#filter", Input).focus()

    def action_kind(self) -> None:
        self._kind = (self._kind + 1) % len(KINDS)
        self._show_files()

    def action_mark(self) -> None:
        """Compare from the chosen layer on; again: no more."""
        self._from = None if self._from == self._number else self._number
        self._show_files()

    def action_all(self) -> None:
        """All of the image up to the chosen layer; again: no more."""
        self._from = None if self._from == 0 else 0
        self._show_files()

    def action_line(self) -> None:
        layer = self._layer()
        if layer is None:
            return
        made = layer.made
        text = self._dockerfiles.get(made.dockerfile)
        if not made.line or text is None:
            told = [Text(printable(made.command or "nothing is known of it"))]
            self.push_screen(Shown(f"layer {layer.number}: no Dockerfile is known", told))
            return
        shown = [
            Text(line, "reverse" if own else "") for line, own in numbered(text, made.line, made.end_line)
        ]
        self.push_screen(Shown(f"{printable(made.dockerfile)}:{made.line}", shown, made.line))

    def _layer(self) -> Layer | None:
        layers = self._found.layers
        return layers[self._number - 1] if self._number <= len(layers) else None

    def _show(self) -> None:
        layer = self._layer()
        if layer is not None:
            self.query_one("#layer", Static).update(Text("\n").join(_about(layer, self._found)))
        self._show_files()

    def _changes(self) -> tuple[str, Sequence[Change]]:
        if self._from is None:
            layer = self._layer()
            return f"layer {self._number}", layer.changes if layer is not None else ()
        first, last = sorted((self._from, self._number))
        what = f"from layer {first} to {last}" if first else f"the image up to layer {last}"
        return what, between(self._found.layers, first, last)

    def _show_files(self) -> None:
        what, changes = self._changes()
        kind = KINDS[self._kind]
        words = self.query_one("#filter", Input).value
        top = tree(changes, words, kind)
        files = self.query_one("#files", Tree)
        files.reset(
            Text(f"{what}{', ' + kind if kind else ''}: {top.count:,}, {human_size(top.size)}"), top
        )
        _open(files.root)
        files.root.expand()
        if words and top.count <= OPEN_ALL:
            _open_all(files.root)


def _open(node: TreeNode[Folder]) -> None:
    """Give an opened folder its entries, once: most folders of an image nobody opens."""
    folder = node.data
    if folder is None or node.children:
        return
    for entry in folder.entries():
        size = human_size(entry.size)
        label = Text.assemble(
            (f"{entry.mark} ", STYLES[entry.mark]), printable(entry.name), (f"  {size}", "dim")
        )
        node.add(label, entry, allow_expand=bool(entry.below))


def _open_all(top: TreeNode[Folder]) -> None:
    waiting = [top]
    while waiting:
        node = waiting.pop()
        _open(node)
        node.expand()
        waiting += [child for child in node.children if child.allow_expand]


def _about(layer: Layer, found: Explored) -> list[Text]:
    made = layer.made
    where = "base image" if made.is_base else made.place
    seconds = f", {made.seconds:.1f} s" if made.seconds is not None else ""
    told = [
        Text(printable(made.command), "bold"),
        Text(f"{human_size(layer.size)}{seconds}  {printable(where)}"),
    ]
    for loss in found.losses:
        if layer.number in (loss.by, loss.of):
            what = f"{human_size(loss.size)} of layer {loss.of} {loss.kind} by layer {loss.by}"
            told.append(Text(f"{what}: {loss.advice}", "yellow"))
    for finding in found.findings:
        if finding.layer == layer.number:
            told.append(Text(f"{human_size(finding.size)} {finding.title}: {finding.advice}"))
    return told


def _preview(change: Change) -> Shown:
    file = change.now or (change.before.file if change.before else None)
    assert file is not None  # noqa: S101
    title = f"{printable(file.path)}  {file.mode:04o} {file.uid}:{file.gid} {human_size(file.size)}"
    if file.content is None:
        told = (
            f"{file.type} {printable(file.target)}".strip()
            if file.size or file.target
            else f"empty {file.type}"
        )
        return Shown(title, [Text(told)])
    try:
        return Shown(title, [Text(line) for line in lines(file.content.read(MOST), file.size)])
    except WherryError as error:
        return Shown(title, [Text(f"{error.message}\n{error.hint or ''}")])
    except OSError as error:
        return Shown(title, [Text(str(error))])
