"""The agent that needs no model: its numbers, and whole runs against the real server."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from dva_agent.agents.caption_statistics import statistics
from dva_agent.cleaning import clean
from dva_agent.discovery import AGENTS
from dva_agent.events import Batch, RungTried, SelfTested, UnitFinished
from dva_agent.languages import LANGUAGES, language
from hypothesis import given

from server.selection.scores import write_scores
from tests.dva_agent.runs import run
from tests.dva_agent.texts import captions
from tests.dva_agent.world import PAIRS, UNITS, World, take_in

COLUMNS = AGENTS["caption-statistics"].columns


def of(caption: str) -> dict[str, float | str]:
    """The statistics by name, labels as words; no token ids."""
    values = statistics(clean(caption), [])
    return {
        column.name: column.labels[int(value)] if column.labels else value
        for column, value in zip(COLUMNS, values, strict=True)
    }


@given(captions)
def test_every_caption_has_its_numbers(caption: str) -> None:
    cleaned = clean(caption)
    if cleaned:
        values = statistics(cleaned, [1] * 77)
        assert all(column.holds(value) for column, value in zip(COLUMNS, values, strict=True))


@pytest.mark.parametrize(
    ("caption", "letters", "characters", "words"),
    [
        ("a red apple", 1.0, 11, 3),
        ("  A  RED\tapple ", 1.0, 11, 3),
        ("IMG_0021.JPG", 0.5, 12, 1),
        ("1920 x 1080", 1 / 9, 11, 3),
        ("!!! 2024", 0.0, 8, 2),
        ("&lt;b&gt;caf\u00e9&lt;/b&gt;", 6 / 11, 11, 1),
        ("हिन्दी", 1.0, 6, 1),
        ("🍎🍎", 0.0, 2, 1),
    ],
)
def test_counts(caption: str, letters: float, characters: int, words: int) -> None:
    found = of(caption)
    assert found["letters"] == pytest.approx(letters)
    assert (found["characters"], found["words"]) == (characters, words)


SENTENCES = {
    "en": "A photo of a red apple on the kitchen table",
    "de": "Eine rote Katze liegt auf dem Dach und schläft",
    "fr": "Un chat rouge dort sur le toit de la maison avec les enfants",
    "es": "Una foto del gato que duerme en el tejado con los niños",
    "it": "Il gatto rosso dorme sul tetto della casa con gli amici",
    "pt": "Uma foto do gato que dorme no telhado com os meninos",
    "nl": "Een rode kat slaapt op het dak van een huis",
    "pl": "Czerwony kot śpi na dachu i nie jest sam",
    "sv": "En röd katt sover på taket och det är varmt",
    "tr": "Çatıda uyuyan bir kedi ve çok güzel bir ev",
    "vi": "Một con mèo đỏ và những người bạn trong nhà",
    "id": "Seekor kucing merah yang tidur di atap dengan anak itu",
    "ru": "Красная кошка спит на крыше и это хорошо для неё",
    "uk": "Червона кішка спить на даху та не їсть, що це",
    "bg": "Червената котка спи на покрива и това е добре за нея",
    "ar": "قطة حمراء تنام على السطح في المدينة",
    "fa": "گربه قرمز که در خانه است و با دوستان",
    "ur": "سرخ بلی چھت پر ہے اور گھر کے بچے",
    "zh": "一只红色的猫在屋顶上睡觉",
    "ja": "赤い猫が屋根の上で寝ている",
    "ko": "빨간 고양이가 지붕에서 잔다",
    "el": "Μια κόκκινη γάτα κοιμάται",
    "he": "חתול אדום ישן על הגג",
    "th": "แมวสีแดงนอนบนหลังคา",
    "hy": "Կարմիր կատուն քնում է",
    "ka": "წითელი კატა სძინავს",
}


@pytest.mark.parametrize("tag", SENTENCES)
def test_sentences_are_of_their_language(tag: str) -> None:
    assert of(SENTENCES[tag])["language"] == tag


@pytest.mark.parametrize(
    ("caption", "tag"),
    [
        ("red apple 5", "und-Latn"),
        ("Hotel de la Paix, Paris", "und-Latn"),
        ("красное яблоко", "und-Cyrl"),
        ("हिन्दी में सेब", "und-Deva"),
        ("12345 !!!", "und"),
        ("🍎", "und"),
        ("abc где и 中文", "und"),
        ("ᏣᎳᎩ", "und"),
    ],
)
def test_it_knows_when_it_does_not_know(caption: str, tag: str) -> None:
    assert of(caption)["language"] == tag


def test_every_tag_has_its_number() -> None:
    assert len(set(LANGUAGES)) == len(LANGUAGES)
    assert {of(text)["language"] for text in SENTENCES.values()} <= set(LANGUAGES)
    for point in range(0x20, 0x11000, 3):
        assert language(chr(point), chr(point)) in LANGUAGES


def test_a_pool_is_counted_without_a_model(counting: World, tmp_path: Path) -> None:
    summary = run(counting)
    assert (summary.units, summary.pairs_scored, summary.ending) == (UNITS, PAIRS, "drained")
    assert counting.engines == []
    assert not counting.of(SelfTested)
    assert [(event.rung, event.chosen) for event in counting.of(RungTried)] == [("python", True)]
    fetched = [url for method, url in counting.wire.requests if "/bundles/" in url]
    assert {url.rpartition("/")[2] for url in fetched} == {"manifest.json", "merges.txt"}
    units = [url for _, url in counting.wire.requests if "/pools/" in url]
    assert len(units) == UNITS
    assert all(url.endswith("/captions") for url in units)
    sizes = [event.bytes for event in counting.of(UnitFinished)]
    assert sum(sizes) == PAIRS * 4 + sum(len(f"caption number {n}") for n in range(PAIRS))
    seen = [pair for batch in counting.of(Batch) for pair in batch.pairs]
    assert {batch.agent for batch in counting.of(Batch)} == {"caption-statistics"}
    assert len(seen) == PAIRS
    assert all(len(pair.values) == len(COLUMNS) and pair.image is None for pair in seen)
    done = write_scores(
        counting.database,
        counting.settings,
        pool="test",
        out=tmp_path / "scores",
        progress=lambda done, total: None,
    )
    assert (done.pairs, done.scored) == (PAIRS, PAIRS)
    rows = [
        row for file in done_files(tmp_path / "scores") for row in pq.read_table(file).to_pylist()
    ]
    first = rows[0]
    assert (first["characters"], first["words"], first["language"]) == (16.0, 3.0, "und-Latn")
    assert first["letters"] == pytest.approx(13 / 14)
    assert first["tokens"] >= 5
    assert {row["rung"] for row in rows} == {"python"}


def done_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"))


def test_with_and_without_pictures_it_counts_the_same(
    counting: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(counting, units=UNITS // 2)
    monkeypatch.setattr("server.work.services.pools.captions_url", lambda unit: None)
    assert run(counting).ending == "drained"
    assert sum("/shards/" in url for _, url in counting.wire.requests) == UNITS - UNITS // 2
    pairs = [pair for batch in counting.of(Batch) for pair in batch.pairs]
    assert len(pairs) == PAIRS
    for pair in pairs:
        assert pair.caption.startswith("caption number ")
        assert pair.values == list(statistics(clean(pair.caption), pair.ids))


def test_pools_of_two_agents_on_one_server(
    counting: World, small_pool: Path, demo_bundle: Path
) -> None:
    """The agent for each pool is the one that the server names; the model is there when it's
    needed."""
    take_in(counting.settings, counting.database, "second", small_pool, demo_bundle, "dva")
    assert run(counting).units == 2 * UNITS
    assert [pool.units_done for pool in counting.status().pools] == [UNITS, UNITS]
    assert [event.rung for event in counting.of(RungTried)] == ["python", "native"]
    assert {(batch.pool, batch.agent) for batch in counting.of(Batch)} == {
        ("test", "caption-statistics"),
        ("second", "dva"),
    }
