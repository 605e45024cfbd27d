"""Who is to blame: a person, a kind of device, a shard."""

from __future__ import annotations

import math
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.trust.cohort import (
    DeviceClass,
    Layer,
    Tried,
    chi_square,
    findings,
    parties,
    residual,
)
from tests.server.cohorts import WORLDS, World, looked

SOUND = DeviceClass("b" * 32, "webgpu-f16", "sound")
BROKEN = DeviceClass("b" * 32, "webgpu-f16", "broken")
LOOKS = 60


def tried(
    who: int, device_class: DeviceClass, shard: int, *, passed: int = 3, failed: int = 0
) -> Tried:
    return Tried(
        contributor=f"{device_class.name} {who}",
        network=None,
        device_class=device_class,
        shard=shard,
        passed=passed,
        failed=failed,
        began=shard,
    )


def broken_class(broken: int, sound: int) -> list[Tried]:
    return [
        *(tried(who, BROKEN, 1, passed=0, failed=1) for who in range(broken)),
        *(tried(who, SOUND, shard) for who in range(sound) for shard in (1, 2)),
    ]


def poisoned_shard(people: int, hurt: int) -> list[Tried]:
    """Of two kinds of devices; `hurt` have got to the shard."""
    return [
        tried(who, kind, shard, passed=3 * (shard != 3), failed=int(shard == 3))
        for kind in (SOUND, BROKEN)
        for who in range(people)
        for shard in (1, 2, 3)
        if shard != 3 or who < hurt
    ]


def test_a_kind_of_device_that_fails_where_others_pass_is_to_blame() -> None:
    [found] = findings(broken_class(8, 30))
    assert (found.cell, found.parties, found.failed) == (BROKEN, 8, 8)
    assert found.residual < 1e-6
    assert found.deviation > 5


def test_few_are_not_enough() -> None:
    assert findings(broken_class(4, 1000)) == []


def test_a_shard_that_nobody_passes_is_to_blame_and_not_the_devices() -> None:
    [found] = findings(poisoned_shard(10, 4))
    assert (found.cell, found.failed) == (3, 8)


def test_both_can_be_to_blame_at_once() -> None:
    other = [
        each._replace(
            contributor=each.contributor + "!",
            device_class=each.device_class._replace(name=each.device_class.name + "!"),
        )
        for each in broken_class(8, 30)
    ]
    found = findings([*poisoned_shard(10, 6), *other])
    assert {finding.cell for finding in found} == {3, BROKEN._replace(name="broken!")}


def test_the_accounts_of_one_network_are_one_party() -> None:
    crowd = [
        each._replace(network="one") if each.device_class == BROKEN else each
        for each in broken_class(50, 100)
    ]
    assert findings(crowd) == []
    [found] = findings(broken_class(50, 100))
    assert found.failed == 50


def test_who_shares_a_network_with_somebody_is_the_same_party_as_theirs() -> None:
    rows = [
        tried(who, SOUND, 1)._replace(contributor=name, network=network)
        for who, (name, network) in enumerate(
            [("a", "x"), ("b", "x"), ("b", "y"), ("c", "y"), ("d", None), ("e", "z")]
        )
    ]
    found = parties(rows)
    assert len({found[name] for name in "abc"}) == 1
    assert len(set(found.values())) == 3


def test_who_fails_whatever_he_claims_to_be_is_not_excused() -> None:
    """A crowd that calls itself another kind of device after each."""
    crowd = [
        each._replace(contributor=f"cheat {number % 10}", device_class=BROKEN._replace(name=kind))
        for kind in ("one", "two")
        for number, each in enumerate(broken_class(10, 0))
    ]
    assert findings([*crowd, *broken_class(0, 50)]) == []
    assert len(findings([*crowd[:10], *broken_class(0, 50)])) == 1


def test_newcomers_who_always_fail_say_nothing_about_the_shard_they_are_sent_to() -> None:
    cheats = [tried(100 + who, SOUND, 1, passed=0, failed=1) for who in range(300)]
    assert findings([*cheats, *broken_class(0, 20)]) == []


def test_who_was_excused_for_one_shard_says_nothing_about_the_next() -> None:
    """A crowd that lies on shard after shard takes one of them along."""
    rows = poisoned_shard(30, 4)
    crowd = {each.contributor for each in rows if each.failed}
    kinds = {name: {BROKEN} for name in crowd}
    assert [each.cell for each in findings(rows, kinds)] == [3]
    assert findings(rows, {name: {2} for name in crowd}) == []
    some = {name: {2} for name in sorted(crowd)[:3]}
    [found] = findings(rows, some)
    assert (found.cell, found.failed) == (3, 5)


def test_who_passed_on_a_shard_and_fails_there_later_fails_for_themselves() -> None:
    """As those do who begin to cheat on the way."""
    rows = [
        each._replace(passed=each.passed or 1) if each.shard == 3 else each
        for each in poisoned_shard(10, 6)
    ]
    assert findings(rows) == []


def test_who_came_to_a_shard_first_says_nothing_about_it() -> None:
    """Those of them who failed there have passed nowhere since, those who passed have."""
    rows = [each._replace(began=-each.shard) for each in poisoned_shard(10, 6)]
    assert findings(rows) == []


def test_where_most_fail_nothing_is_to_blame() -> None:
    """However clearly one kind of device fails more than the others."""
    cheats = [tried(1000 + who, SOUND, 2, passed=3, failed=int(who < 50)) for who in range(99)]
    assert findings([*cheats, *broken_class(20, 0)]) == []
    assert findings([*cheats, *broken_class(20, 10)]) != []


def test_a_kind_of_device_that_works_for_most_stays() -> None:
    honest = [tried(1000 + who, BROKEN, 1) for who in range(9)]
    assert findings([*honest, *broken_class(8, 200)]) == []


@given(
    layers=st.lists(
        st.tuples(*[st.integers(0, 12)] * 3).map(lambda n: (n[0] + 1, n[1], n[2])), max_size=4
    ),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_a_residual_is_a_chance(layers: list[tuple[int, int, int]], data: st.DataObject) -> None:
    """It grows no smaller when fewer of those who failed are in the cell."""
    table = []
    for size, failed, own in layers:
        failed, own = min(failed, size), min(own, size)
        least, most = max(0, failed + own - size), min(failed, own)
        table.append(Layer(size, failed, own, data.draw(st.integers(least, most))))
    chance, _ = residual(table)
    assert 0 < chance <= 1
    fewer = [
        layer._replace(
            own_failed=max(max(0, layer.failed + layer.own - layer.all), layer.own_failed - 1)
        )
        for layer in table
    ]
    assert residual(fewer)[0] >= chance - 1e-12


def test_a_residual_of_one_layer_is_fishers_exact_test() -> None:
    chance, deviation = residual([Layer(20, 5, 5, 5)])
    assert chance == pytest.approx(1 / math.comb(20, 5))
    assert deviation == pytest.approx((5 - 1.25) / math.sqrt(5 * 0.25 * 0.75 * 15 / 19))


def test_chi_square_by_random_tables_is_the_curve_where_counts_are_large() -> None:
    """One degree of freedom: p = erfc(sqrt(x / 2))."""
    failed, present = [440, 500], [1000, 1000]
    expected = 470
    x = 2 * (30**2 / expected + 30**2 / (1000 - expected))
    assert chi_square(failed, present) == pytest.approx(math.erfc(math.sqrt(x / 2)), abs=3e-3)


def test_many_names_for_devices_take_little_memory() -> None:
    """Each is up to whoever posts."""
    cells = 4000
    tracemalloc.start()
    try:
        assert chi_square([1] * 5 + [0] * (cells - 5), [1] * cells) == pytest.approx(1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100 << 20


@given(st.permutations(range(12)))
@settings(max_examples=15, deadline=None)
def test_order_does_not_matter(order: list[int]) -> None:
    rows = [*poisoned_shard(10, 6)]
    shuffled = [rows[(place * 5 + number) % len(rows)] for number, place in enumerate(order)]
    rest = [row for row in rows if row not in shuffled]
    assert [each.cell for each in findings([*rest, *shuffled])] == [
        each.cell for each in findings([*shuffled, *rest])
    ]


@pytest.mark.parametrize("world", WORLDS[:3], ids=lambda world: f"{world.hostile}")
def test_cheats_spread_over_all_take_nothing_along(world: World) -> None:
    """tests.server.cohorts looks more often, for docs/trust.md."""
    assert looked(world, LOOKS) == (0, 0)


@pytest.mark.parametrize("world", [WORLDS[4], WORLDS[7]], ids=lambda world: world.name)
def test_what_is_to_blame_is_told_from_the_cheats_beside_it(world: World) -> None:
    wrong, right = looked(world, 20)
    assert wrong == 0
    assert right >= 15
