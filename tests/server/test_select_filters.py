"""What is left out before a cut, beside the same rules in plain Python."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from server.config import Settings
from server.errors import SelectionError
from server.selection import certificate
from server.selection.certificate import Certificate
from server.selection.cut import Cut
from server.selection.cutting import Selected, Terms, select_tables
from server.selection.filters import Filters
from server.selection.listing import read_list
from server.selection.verify import verify
from tests.server.command import Dva

Pair = dict[str, Any]
OWN = pa.schema(
    [
        pa.field("uid", pa.string()),
        pa.field("score", pa.float32()),
        pa.field("original_width", pa.int32()),
        pa.field("original_height", pa.int32()),
        pa.field("caption_chars", pa.int32()),
        pa.field("language", pa.string()),
        pa.field("nsfw", pa.float32()),
        pa.field("faces", pa.int16()),
    ]
)


def uid(number: int) -> str:
    # Some have one upper half, as a list would have to tell apart.
    return (
        f"{number % 7 * 0x9E3779B97F4A7C15 % 2**64:016x}{number * 0x9E3779B97F4A7C15 % 2**64:016x}"
    )


def made_up(count: int, seed: int = 5) -> list[Pair]:
    """Everything may be null, but never uid and score."""
    chance = random.Random(seed)

    def maybe(value: Any) -> Any:
        return None if chance.random() < 0.1 else value

    return [
        {
            "uid": uid(number),
            "score": chance.randrange(-8, 9) / 8,
            "original_width": maybe(chance.choice([0, 100, 200, 400])),
            "original_height": maybe(chance.choice([100, 150, 200, 600])),
            "caption_chars": maybe(chance.choice([0, 4, 5, 200, 201])),
            "language": maybe(chance.choice(["en", "de", "und-Latn"])),
            "nsfw": maybe(chance.choice([0.0, 0.25, 0.5, 1.0])),
            "faces": maybe(chance.choice([0, 1, 5])),
        }
        for number in range(count)
    ]


def sides(pair: Pair) -> tuple[int, int] | None:
    width, height = pair["original_width"], pair["original_height"]
    return None if width is None or height is None else (min(width, height), max(width, height))


def aspect(pair: Pair) -> float | None:
    both = sides(pair)
    return both[1] / both[0] if both and both[0] else None


def by_hand(
    pairs: list[Pair], rules: list[tuple[str, Callable[[Pair], Any], Callable[[Any], bool]]]
) -> tuple[list[Pair], dict[str, tuple[int, int]]]:
    """What is left, and (failed, unknown) of each rule."""
    left, fell = [], {name: Counter[bool]() for name, _, _ in rules}
    for pair in pairs:
        for name, look, passes in rules:
            value = look(pair)
            if value is None or not passes(value):
                fell[name][value is None] += 1
                break
        else:
            left.append(pair)
    return left, {name: (counts[False], counts[True]) for name, counts in fell.items()}


def best(pairs: list[Pair], share: float) -> set[tuple[str, float]]:
    scores = sorted((pair["score"] for pair in pairs), reverse=True)
    threshold = scores[int(len(scores) * share)]
    return {(pair["uid"], pair["score"]) for pair in pairs if pair["score"] >= threshold}


def members(out: Path) -> set[tuple[str, float]]:
    table = pq.read_table(out / "members.parquet")
    return set(zip(table["uid"].to_pylist(), table["score"].to_pylist(), strict=True))


def told(out: Path) -> dict[str, tuple[int, int]]:
    return {each.name: (each.failed, each.unknown) for each in certificate.decode(out).filters}


RULES: list[tuple[str, Callable[[Pair], Any], Callable[[Any], bool]]] = [
    ("min_side", lambda pair: sides(pair) and sides(pair)[0], lambda side: side >= 100),  # type: ignore[index]
    ("max_aspect", aspect, lambda ratio: ratio <= 3),
    ("caption_chars", lambda pair: pair["caption_chars"], lambda chars: 5 <= chars <= 200),
    ("language", lambda pair: pair["language"], lambda tag: tag in ("en", "de")),
    ("max_nsfw", lambda pair: pair["nsfw"], lambda share: share <= 0.5),
    ("max_faces", lambda pair: pair["faces"], lambda faces: faces <= 1),
]
FILTERS = Filters(
    min_side=100,
    max_aspect=3,
    caption_chars=(5, 200),
    languages=("en", "de"),
    max_nsfw=0.5,
    max_faces=1,
)


def written(folder: Path, pairs: list[Pair], schema: pa.Schema = OWN) -> Path:
    """Two files."""
    folder.mkdir()
    for number, part in enumerate((pairs[::2], pairs[1::2])):
        pq.write_table(pa.Table.from_pylist(part, schema=schema), folder / f"{number}.parquet")
    return folder


def select(scores: Path, out: Path, share: float = 0.3, **terms: Any) -> Selected:
    return select_tables(
        scores, cut=Cut(rule="top", value=share), out=out, terms=Terms(state="all", **terms)
    )


def test_a_share_is_of_what_the_filters_left(tmp_path: Path) -> None:
    pairs = made_up(3000)
    scores = written(tmp_path / "scores", pairs)
    done = select(scores, tmp_path / "out", filters=FILTERS)
    left, fell = by_hand(pairs, RULES)
    assert all(sum(each) for each in fell.values()), "each takes some"
    assert (done.scored, done.eligible) == (3000, len(left))
    assert told(tmp_path / "out") == fell
    assert members(tmp_path / "out") == best(left, 0.3)
    assert verify(tmp_path / "out", scores=scores).cut_again


def test_metadata_in_datacomps_and_laions_columns(tmp_path: Path) -> None:
    """The same filters, of which the score tables themselves say nothing."""
    pairs = made_up(400)
    scores = written(tmp_path / "scores", pairs, pa.schema(list(OWN)[:2]))
    words = {0.0: "UNLIKELY", 0.25: None, 0.5: "UNSURE", 1.0: "NSFW", None: None}
    rows = [
        {
            "uid": pair["uid"].upper(),
            "original_width": pair["original_width"],
            "original_height": pair["original_height"],
            "text": None if pair["caption_chars"] is None else "é" * pair["caption_chars"],
            "LANGUAGE": pair["language"],
            "NSFW": words[pair["nsfw"]],
            "face_bboxes": None if pair["faces"] is None else [[0.1] * 4] * pair["faces"],
        }
        for pair in pairs[:350]
    ]
    (tmp_path / "metadata").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "metadata" / "0.parquet")
    for pair in pairs:
        pair["nsfw"] = None if pair["nsfw"] == 0.25 else pair["nsfw"]
    for pair in pairs[350:]:
        pair.update(dict.fromkeys(OWN.names[2:]))
    left, fell = by_hand(pairs, RULES)
    out = tmp_path / "out"
    select(scores, out, filters=FILTERS, metadata=tmp_path / "metadata")
    assert told(out) == fell
    assert members(out) == best(left, 0.3)
    assert verify(out, scores=scores, metadata=tmp_path / "metadata").cut_again
    assert not verify(out, scores=scores).cut_again, "the metadata aren't at hand"
    with pytest.raises(SelectionError) as caught:
        select(scores, tmp_path / "none", filters=FILTERS)
    assert caught.value.code == "column_missing"
    assert not (tmp_path / "none").exists()


def test_lists_allow_and_deny(tmp_path: Path) -> None:
    pairs = made_up(300)
    scores = written(tmp_path / "scores", pairs)
    (tmp_path / "allow.txt").write_text(
        "# mine\n" + "".join(f"{pair['uid'].upper()}  # so\n\n" for pair in pairs[:200])
    )
    denied = [(int(pair["uid"][:16], 16), int(pair["uid"][16:], 16)) for pair in pairs[100:250:3]]
    np.save(tmp_path / "deny.npy", np.array([*denied, (0, 5)], "u8,u8"))
    lists = Filters(allow=tmp_path / "allow.txt", deny=tmp_path / "deny.npy")
    done = select(scores, tmp_path / "out", filters=lists)
    gone = {pair["uid"] for pair in pairs[100:250:3]}
    left = [pair for pair in pairs[:200] if pair["uid"] not in gone]
    assert members(tmp_path / "out") == best(left, 0.3)
    assert told(tmp_path / "out") == {"allow": (100, 0), "deny": (200 - len(left), 0)}
    assert done.eligible == len(left)
    assert verify(tmp_path / "out", scores=scores).cut_again
    data = (tmp_path / "out" / "deny.npy").read_bytes()
    (tmp_path / "out" / "deny.npy").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(SelectionError, match=r"deny\.npy isn't the file"):
        verify(tmp_path / "out", scores=scores)


@pytest.mark.parametrize("text", ["abc\n", "z" * 32, "\xff" * 40], ids=["short", "no hex", "odd"])
def test_what_is_no_list(tmp_path: Path, text: str) -> None:
    (tmp_path / "list.txt").write_text(text, encoding="latin-1")
    with pytest.raises(SelectionError) as caught:
        read_list(tmp_path / "list.txt")
    assert caught.value.code in ("uid_invalid", "uids_invalid")


def test_of_duplicates_the_best_is_kept(tmp_path: Path) -> None:
    pairs = made_up(300)
    again = [{**pair, "score": pair["score"] - 0.125} for pair in pairs if pair["score"] > 0]
    twice = [dict(pair) for pair in pairs[::7]]
    scores = written(tmp_path / "scores", [*again, *pairs, *twice])
    plain = select(scores, tmp_path / "plain")
    assert plain.eligible == 300 + len(again) + len(twice)
    filters = Filters(distinct=True, max_faces=1)
    select(scores, tmp_path / "out", filters=filters)
    left, fell = by_hand([*again, *pairs, *twice], RULES[-1:])
    kept = {pair["uid"]: pair for pair in sorted(left, key=lambda pair: pair["score"])}
    assert told(tmp_path / "out") == {**fell, "distinct": (len(left) - len(kept), 0)}
    assert members(tmp_path / "out") == best(list(kept.values()), 0.3)
    assert verify(tmp_path / "out", scores=scores).cut_again


def test_tables_of_older_indexes_know_nothing(tmp_path: Path) -> None:
    pairs = made_up(200)
    scores = written(tmp_path / "scores", pairs)
    old = pa.Table.from_pylist(pairs[::2], schema=pa.schema(list(OWN)[:2]))
    pq.write_table(old, scores / "0.parquet")
    select(scores, tmp_path / "out", filters=Filters(max_faces=5))
    nothing = sum(pair["faces"] is None for pair in pairs[1::2])
    assert told(tmp_path / "out") == {"max_faces": (0, 100 + nothing)}


LIES: list[dict[str, Any]] = [
    {"failed": 1},
    {"high": 5.0},
    {"high": None, "low": 0.0},
    {"name": "faces"},
    {"words": ["en"]},
    {"file": "allow.npy"},
]


def test_a_certificate_that_lies_about_its_filters(tmp_path: Path) -> None:
    scores = written(tmp_path / "scores", made_up(60))
    select(scores, tmp_path / "out", filters=Filters(max_faces=1))
    honest = (tmp_path / "out" / certificate.NAME).read_bytes()
    for lie in LIES:
        claim = json.loads(honest)
        claim["filters"][0] |= lie
        forged = certificate.encode(msgspec.convert(claim, Certificate))
        (tmp_path / "out" / certificate.NAME).write_bytes(forged)
        with pytest.raises(SelectionError):
            verify(tmp_path / "out", scores=scores)


def test_the_command(dva: Dva, settings: Settings, tmp_path: Path) -> None:
    pairs = made_up(100)
    scores = written(tmp_path / "scores", pairs)
    words = ["select", "--scores", str(scores), "--count", "5", "--out"]
    asked = [
        "--caption-chars",
        "..200",
        "--language",
        "en",
        "--language",
        "de",
        "--no-faces",
        "--distinct",
    ]
    done = dva(settings, *words, str(tmp_path / "out"), *asked)
    assert done.status == 0, done.err
    said = certificate.decode(tmp_path / "out").filters
    assert [(each.name, each.low, each.high, each.words) for each in said] == [
        ("caption_chars", None, 200, []),
        ("language", None, None, ["de", "en"]),
        ("max_faces", None, 0, []),
        ("distinct", None, None, []),
    ]
    for odd in (["--caption-chars", "5"], ["--max-nsfw", "2"], ["--no-faces", "--max-faces", "3"]):
        wrong = dva(settings, *words, str(tmp_path / "odd"), *odd)
        assert wrong.status, odd
        assert not (tmp_path / "odd").exists()
