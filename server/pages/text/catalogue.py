"""What a language has to say. A field in braces is put in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    tag: str
    """BCP 47."""
    language: str
    """Its own name for itself."""
    tagline: str
    title: str
    description: str
    lead: str
    choose_language: str
    pairs_per_s: str
    last_5_minutes: str
    last_hour: str
    last_day: str
    pairs: str
    contributors: str
    at_work: str
    devices: str
    pools: str
    pool: str
    pairs_done: str
    of: str
    left: str
    done: str
    unknown_left: str
    idle_left: str
    no_pools: str
    left_hint: str
    progress_of: str
    throughput: str
    by_minute: str
    by_hour: str
    chart: str
    now_word: str
    nothing_came: str
    as_table: str
    when: str
    named: str
    name: str
    pairs_confirmed: str
    nobody_named: str
    named_hint: str
    selections: str
    selection: str
    members: str
    certificate: str
    published: str
    no_selections: str
    selections_hint: str
    help_here: str
    self_tests: str
    as_json: str
    as_of: str
    days: tuple[str, str]
    """Of one, of several."""
    hours: tuple[str, str]
    minutes: tuple[str, str]
