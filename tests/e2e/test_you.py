"""Who works here: keys from the first start, the same device after a reload, and everything that
the panel lets a contributor do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.acting import phase, press, start
from tests.e2e.serving import ingest, pool_status, serving, until
from tests.e2e.small_pool import write_small_pool

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ADDRESS = "?rung=wasm&power=full"


@pytest.fixture(scope="module")
def data(app: None, demo_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("you")
    shards = data / "shards"
    shards.mkdir()
    write_small_pool(shards, shards=2, pairs=300)
    ingest(shards, demo_bundle, data, unit_pairs=8)
    return data


@pytest.fixture(scope="module")
def origin(data: Path) -> Iterator[str]:
    with serving(data) as origin:
        yield origin


def rows(data: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(data / "dva.db") as database:
        return database.execute(query).fetchall()


def press_start(page: Page) -> None:
    if page.get_by_role("button", name="Start again").is_visible():
        press(page, "Start again")
    else:
        start(page)


def work(page: Page, origin: str, units: int = 1) -> None:
    """Start, and finish when the server has some units more."""
    before = pool_status(origin)["units_done"]
    press_start(page)
    until(lambda: pool_status(origin)["units_done"] >= before + units, seconds=120)
    press(page, "Finish")
    phase(page, "finished")


def spoil_token(page: Page) -> None:
    """What the browser remembers is a token that the server doesn't take."""
    page.evaluate("""() => {
      const kept = JSON.parse(localStorage.getItem('dva.device'));
      localStorage.setItem('dva.device', JSON.stringify({ ...kept, token: 'x'.repeat(40) }));
    }""")


def test_a_browser_is_one_device_until_it_is_forgotten(page: Page, origin: str, data: Path) -> None:
    page.goto(f"{origin}/{ADDRESS}")
    assert rows(data, "SELECT * FROM device") == []
    work(page, origin)
    keys = "SELECT id, key_algorithm, length(public_key), length(certificate) FROM device"
    [(device, *kept)] = rows(data, keys)
    assert kept == ["ed25519", 32, 64]
    page.reload()
    press(page, "Start")
    phase(page, "running")
    press(page, "Stop")
    phase(page, "stopped")
    assert [known for known, *_ in rows(data, keys)] == [device]
    signed = rows(data, "SELECT DISTINCT device_id, length(signature) FROM result")
    assert signed == [(device, 64)]

    spoil_token(page)
    page.reload()
    you(page)
    expect(devices(page)).to_contain_text("this one")

    press(page, "Forget this browser")
    expect(page.locator("dva-ask")).to_contain_text("You have not written your phrase down")
    press(page, "Forget")
    said(page, "Forgotten")
    work(page, origin)
    assert rows(data, "SELECT count(*) FROM contributor") == [(2,)]


def you(page: Page) -> None:
    page.locator("dva-you summary").click()


def said(page: Page, words: str) -> None:
    expect(page.locator("dva-you .said")).to_contain_text(words)


def enter(page: Page, phrase: str) -> None:
    page.get_by_role("textbox", name="The twelve words").fill(phrase)
    press(page, "Use it")


def devices(page: Page) -> Locator:
    return page.locator("dva-you .devices li")


def another(page: Page, origin: str) -> Page:
    """A browser that was never here."""
    browser = page.context.browser
    assert browser is not None
    other = browser.new_context(reduced_motion="reduce").new_page()
    other.goto(f"{origin}/{ADDRESS}")
    you(other)
    return other


def write_down(page: Page) -> str:
    """The phrase, which the browser drops then."""
    press(page, "Show my phrase")
    words = page.locator("dva-phrase .words li").all_inner_texts()
    assert len(words) == 12
    press(page, "I have written it down")
    fields = page.locator("dva-phrase .word-fields label")
    for field in fields.all():
        field.locator("input").fill("zoo")
    press(page, "Check")
    expect(page.locator("dva-phrase .wrong")).to_contain_text("not what stands there")
    for field in fields.all():
        place = int(field.inner_text().split()[-1])
        field.locator("input").fill(f" {words[place - 1].upper()} ")
    press(page, "Check")
    said(page, "does not keep the phrase any more")
    expect(page.get_by_role("button", name="Show my phrase")).to_be_hidden()
    return " ".join(words)


def test_an_account_over_two_browsers(page: Page, origin: str, data: Path) -> None:
    page.goto(f"{origin}/{ADDRESS}")
    you(page)
    expect(page.locator("dva-you summary")).to_contain_text("Nothing is known of you")
    work(page, origin)
    expect(devices(page)).to_have_count(1)
    expect(devices(page)).to_contain_text("this one")

    page.get_by_role("textbox", name="Display name").fill("  Ada   L. ")
    press(page, "Save")
    said(page, "The name is saved")
    expect(page.locator("dva-you summary")).to_contain_text("Ada L.")
    assert rows(data, "SELECT display_name FROM contributor WHERE display_name != ''") == [
        ("Ada L.",)
    ]
    phrase = write_down(page)

    second = another(page, origin)
    press(second, "I have a phrase")
    enter(second, phrase.replace(phrase.split()[3], "zork"))
    expect(second.locator("dva-phrase-entry .wrong")).to_contain_text("zork")
    enter(second, phrase)
    said(second, "is a device of that account now")
    expect(second.locator("dva-you summary")).to_contain_text("Ada L.")
    expect(devices(second)).to_have_count(2)
    second.reload()
    you(second)
    expect(devices(second)).to_have_count(2)
    press(second, "Stay anonymous")
    said(second, "You are anonymous now")
    work(second, origin)
    of_both = "SELECT count(*), count(DISTINCT contributor_id) FROM device WHERE certificate IN "
    mine = "(SELECT certificate FROM device ORDER BY created_at DESC LIMIT 2)"
    assert rows(data, of_both + mine) == [(2, 1)]

    second.get_by_role("button", name="Revoke: ").click()
    press(second, "Revoke")
    other = "abandon " * 11 + "about"
    enter(second, other)
    said(second, "of another account")
    second.get_by_role("button", name="Revoke: ").click()
    press(second, "Revoke")
    enter(second, phrase)
    said(second, "The device is revoked")
    expect(devices(second).last).to_contain_text("revoked")
    press(page, "Start again")
    phase(page, "failed")
    expect(page.locator("dva-notices")).to_contain_text("was revoked by its account")

    posted = rows(data, "SELECT count(*) FROM result")
    press(second, "Delete my account")
    press(second, "Go on")
    enter(second, phrase)
    press(second, "Delete it for good")
    said(second, "The account is deleted")
    expect(second.locator("dva-you summary")).to_contain_text("Nothing is known of you")
    gone = "SELECT public_key, display_name FROM contributor WHERE state = 'deleted'"
    assert rows(data, gone) == [(None, None)]
    assert rows(data, "SELECT count(*) FROM result") == posted
    press(second, "I have a phrase")
    enter(second, phrase)
    said(second, "This account was deleted")
    expect(second.locator("dva-you summary")).to_contain_text("Nothing is known of you")
    second.context.close()


LACKING = """
  IDBFactory.prototype.open = () => { throw new DOMException('', 'SecurityError'); };
  const make = SubtleCrypto.prototype.generateKey;
  SubtleCrypto.prototype.generateKey = function (kind, ...rest) {
    if (kind.name === 'Ed25519') return Promise.reject(new DOMException('', 'NotSupportedError'));
    return make.call(this, kind, ...rest);
  };
"""


def test_a_browser_without_storage_and_ed25519_works(page: Page, origin: str, data: Path) -> None:
    page.add_init_script(LACKING)
    page.goto(f"{origin}/{ADDRESS}")
    work(page, origin)
    expect(page.locator("dva-you summary")).to_contain_text("For this visit only")
    you(page)
    expect(page.locator("dva-you")).to_contain_text("This browser keeps nothing")
    expect(devices(page)).to_have_count(1)
    signed = """SELECT DISTINCT length(public_key), length(signature) FROM result
        JOIN device ON device.id = result.device_id WHERE key_algorithm = 'p256'"""
    assert rows(data, signed) == [(65, 64)]
