"""``wherry completion``: made from the same descriptions that parse the command line."""

from __future__ import annotations

from wherry.cli.commands import ALIASES, COMMANDS, below, groups
from wherry.cli.core.flags import Command, Flag, Options

COMMAND = Command(
    "completion",
    "bash|zsh|fish",
    (),
    min_args=1,
    max_args=1,
    description="bash, zsh: source <(wherry completion bash).  fish: wherry completion fish | source",
)
IMAGES = ("run", "create", "history", "image inspect", "inspect", "push", "rmi", "save", "tag")
LIST_IMAGES = "wherry completion images 2>/dev/null"
LIST_CONTAINERS = "wherry ps -a --format '{{.Names}}' 2>/dev/null"
LIST_VOLUMES = "wherry volume ls -q 2>/dev/null"
VOLUMES = ("inspect", "volume inspect", "volume rm")
CONTAINERS = (
    *("commit", "container inspect", "cp", "export", "inspect", "kill", "logs", "rm", "start", "stop"),
)


def run(options: Options) -> int:
    from wherry.errors import UsageError, nearest

    shell = options.args[0]
    if shell == "images":
        print("\n".join(_image_names(options)))
        return 0
    writers = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    if shell not in writers:
        near = nearest(shell, list(writers))
        raise UsageError(
            f"no completion for {shell}", hint=f"did you mean {near}?" if near else "bash, zsh, fish"
        )
    print(writers[shell](), end="")
    return 0


def _image_names(options: Options) -> list[str]:
    """For the scripts, at each press of Tab: names, without a look at any image."""
    from wherry.oci.reference import from_canonical
    from wherry.store import Store

    return [from_canonical(name).familiar() for name in Store.open(options.runtime).names.all()]


def _flags() -> dict[str, tuple[Flag, ...]]:
    """The flags of each command; a command whose packages are not installed has none."""
    from wherry.cli.main import load

    found = {}
    for name in (*COMMANDS, *ALIASES):
        try:
            found[name] = load(ALIASES.get(name, name)).COMMAND.flags
        except ImportError:
            found[name] = ()
    return found


def _words(flags: tuple[Flag, ...]) -> str:
    words = [f"--{flag.name}" for flag in flags] + [f"-{flag.short}" for flag in flags if flag.short]
    return " ".join([*words, "--help"])


def _bash() -> str:
    flags = _flags()
    singles = sorted({name.split(" ")[0] for name in (*COMMANDS, *ALIASES)})
    lines = ["_wherry() {", '  local cur=${COMP_WORDS[COMP_CWORD]} cmd="" words="" i']
    lines += [
        "  for ((i = 1; i < COMP_CWORD; i++)); do",
        "    case ${COMP_WORDS[i]} in --root|--isolation) ((i++));; -*) ;;",
        '      *) cmd="${cmd:+$cmd }${COMP_WORDS[i]}"',
        f"      case $cmd in {'|'.join(groups())}) ;; *) break;; esac;; esac",
        "  done",
        '  case "$cmd" in',
        f'    "") words="{" ".join(singles)} --root --isolation --debug --version --help";;',
    ]
    for group in groups():
        lines.append(f'    {group}) words="{" ".join(below(group))}";;')
    for name, each in sorted(flags.items()):
        lines.append(f'    "{name}") words="{_words(each)}"')
        for names, command in (
            (IMAGES, LIST_IMAGES),
            (CONTAINERS, LIST_CONTAINERS),
            (VOLUMES, LIST_VOLUMES),
        ):
            if ALIASES.get(name, name) in names:
                lines.append(f'      [[ $cur == -* ]] || words+=" $({command})"')
        lines.append("      ;;")
    lines += [
        "  esac",
        '  COMPREPLY=($(compgen -W "$words" -- "$cur"))',
        '  [[ ${#COMPREPLY[@]} -gt 0 || $cur == -* ]] || COMPREPLY=($(compgen -f -- "$cur"))',
        "}",
        "complete -F _wherry wherry",
        "",
    ]
    return "\n".join(lines)


def _zsh() -> str:
    return "autoload -U +X bashcompinit && bashcompinit\n" + _bash()


def _fish() -> str:
    lines = ["complete -c wherry -f"]
    for name in (*COMMANDS, *ALIASES):
        words = name.split(" ")
        summary = COMMANDS[ALIASES.get(name, name)][1]
        seen = f"__fish_seen_subcommand_from {words[0]}" if len(words) > 1 else "__fish_use_subcommand"
        lines.append(f"complete -c wherry -n '{seen}' -a {words[-1]} -d '{summary}'")
    for name, flags in _flags().items():
        last = name.split(" ")[-1]
        for flag in flags:
            short = f" -s {flag.short}" if flag.short else ""
            text = flag.help.replace("'", "\\'")
            takes = "" if flag.kind == "bool" else " -r"
            lines.append(
                f"complete -c wherry -n '__fish_seen_subcommand_from {last}' "
                f"-l {flag.name}{short}{takes} -d '{text}'"
            )
    return "\n".join([*lines, ""])
