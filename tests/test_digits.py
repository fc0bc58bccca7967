"""Numbers of any length and script, wherever words hold them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.wherry import Wherry
from wherry.digits import LARGEST, scaled, whole
from wherry.sizes import size

MANY = "9" * 5000  # int() raises for more than 4,300 of them


@pytest.mark.parametrize(
    ("text", "most", "number"),
    [
        ("0", 9, 0),
        ("007", 7, 7),
        ("0" * 5000 + "7", 7, 7),
        ("8", 7, None),
        (str(LARGEST), LARGEST, LARGEST),
        (str(LARGEST + 1), LARGEST, None),
        *((word, 9, None) for word in ("", "-1", "+1", " 1", "1 ", "1_0", "٣", "²", "1.0", "0x1", MANY)),
    ],
)
def test_whole_takes_decimal_digits_within_bounds(text: str, most: int, number: int | None) -> None:
    assert whole(text, most) == number


def test_scaled_ends_at_the_largest() -> None:
    assert scaled("1.5", 1024) == 1536
    assert scaled(MANY, 1) == scaled("1", 1 << 70) == LARGEST


INSTRUCTIONS = [
    f"USER {MANY}\nRUN x",
    f"EXPOSE {MANY}",
    f"EXPOSE 1-{MANY}",
    f"EXPOSE {MANY}:80",
    f"HEALTHCHECK --retries={MANY} CMD x",
    f"HEALTHCHECK --interval={MANY}s CMD x",
    f"STOPSIGNAL {MANY}",
    f"STOPSIGNAL SIGRTMIN+{MANY}",
    f"COPY --chmod={MANY} Dockerfile /",
    f"COPY --chmod={'7' * 5000} Dockerfile /",
    f"COPY --chown={MANY} Dockerfile /",
    f"COPY --chown=0:{MANY} Dockerfile /",
    f"ADD --chown=0:{MANY} Dockerfile /",
    f"COPY --from={MANY} a /",
    f"ENV B=${{A:{MANY}}}",
    f"RUN --mount=type=cache,target=/x,mode={MANY} x",
    f"RUN --mount=type=cache,target=/x,uid={MANY} x",
]
WORDS = [
    ("build", "--build-arg", f"SOURCE_DATE_EPOCH={MANY}"),
    ("build", "--shm-size", MANY),
    ("build", "--shm-size", f"{MANY}g"),
    ("build", "--ulimit", f"nofile={MANY}"),
    ("build", "--jobs", MANY),
    ("build", "--cache-to", f"type=registry,ref=x/y,compression-level={MANY}"),
]
OTHERS = [
    ("logs", "--tail", MANY, "x"),
    ("logs", "--tail", "٣", "x"),
    ("kill", "-s", MANY, "x"),
    ("stop", "-t", MANY, "x"),
    ("create", "-p", MANY, "bb"),
    ("create", "-p", f"1-{MANY}:1", "bb"),
    ("create", "-u", MANY, "bb"),
    ("create", "--stop-signal", MANY, "bb"),
    ("ps", "-n", MANY),
    ("images", "--format", f"{{{{eq 1 {MANY}}}}}"),
    ("search", "--filter", f"stars={MANY}", "x"),
]


@pytest.fixture
def refused(bb: Wherry) -> Callable[..., None]:
    def check(*words: str) -> None:
        done = bb.run(*words)
        assert done.returncode and "wherry's own" not in done.stderr, done.stderr[:300]

    return check


@pytest.mark.root
@pytest.mark.parametrize("text", INSTRUCTIONS, ids=lambda text: text[:28].replace("\n", " "))
def test_a_dockerfile_s_long_numbers_are_refused(
    refused: Callable[..., None], tmp_path: Path, text: str
) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM bb\nARG A=1\n{text}\n")
    refused("build", str(tmp_path))


@pytest.mark.root
@pytest.mark.parametrize("words", WORDS, ids=lambda words: words[-1][:24])
def test_a_build_s_long_numbers_are_refused(
    refused: Callable[..., None], tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM bb\n")
    refused(*words, str(tmp_path))


@pytest.mark.root
@pytest.mark.parametrize("words", OTHERS, ids=lambda words: " ".join(words)[:24])
def test_other_commands_long_numbers_are_refused(
    refused: Callable[..., None], words: tuple[str, ...]
) -> None:
    refused(*words)


def test_a_size_beyond_all_disks_keeps_everything(bb: Wherry) -> None:
    assert bb.run("builder", "prune", "--force", "--keep-storage", MANY).returncode == 0


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("512", 512),
        ("20MB", 20_000_000),
        ("1.5 GiB", 3 << 29),
        ("2k", 2000),
        (MANY + "tb", LARGEST),
        *(
            (word, None)
            for word in ("", "MB", "-1", "1.MB", ".5MB", "1.2.3", "1 xb", "1mbb", "٣", "1 MB x")
        ),
    ],
)
def test_size_takes_a_number_and_a_unit(text: str, number: int | None) -> None:
    assert size(text) == number
