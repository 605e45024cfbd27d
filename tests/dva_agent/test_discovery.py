"""Which agents there are, and what one may say of itself."""

from __future__ import annotations

import compileall
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dva_agent
import pytest
from dva_agent.discovery import AGENTS, gather
from dva_agent.errors import AgentInvalid
from dva_agent.protocol import MAX_AGENTS, Column

SHARE = Column(name="share", minimum=0.0, maximum=1.0)


def agent(**changes: Any) -> Any:
    """As much of an agent as is looked at when it's found."""
    said = {"name": "some", "needs": frozenset(("captions",)), "columns": (SHARE,)}
    return SimpleNamespace(**{**said, **changes})


def column(**changes: Any) -> dict[str, Any]:
    said: dict[str, Any] = {"name": "share", "minimum": 0.0, "maximum": 1.0}
    return {"columns": (Column(**{**said, **changes}),)}


def test_the_agents_of_this_package() -> None:
    assert set(AGENTS) == {"dva", "caption-statistics"}
    assert gather(AGENTS.values()) == AGENTS
    assert "model" in AGENTS["dva"].needs
    assert AGENTS["caption-statistics"].needs == {"captions"}


def test_bytecode_alone_is_found_too(tmp_path: Path) -> None:
    """The tab's wheel has no sources."""
    copy = tmp_path / "dva_agent"
    shutil.copytree(Path(dva_agent.__file__).parent, copy)
    (copy / "agents" / "third.py").write_text(
        "from dva_agent.agents.caption_statistics import CaptionStatisticsAgent\n"
        "class Third(CaptionStatisticsAgent):\n"
        "    name = 'third'\n"
        "AGENT = Third()\n"
    )
    assert compileall.compile_dir(copy, quiet=1, legacy=True)
    for source in copy.rglob("*.py"):
        source.unlink()
    done = subprocess.run(
        [sys.executable, "-c", "from dva_agent.discovery import AGENTS; print(*sorted(AGENTS))"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert done.stdout.split() == ["caption-statistics", "dva", "third"]


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Some Agent"},
        {"name": "a" * 65},
        {"name": ""},
        {"needs": frozenset(("a gpu",))},
        {"columns": ()},
        {"columns": (SHARE, SHARE)},
        column(name="No Name"),
        column(name="uid"),
        column(minimum=2.0),
        column(minimum=float("nan")),
        column(maximum=float("nan")),
        column(minimum=0.1),
        column(labels=("no", "yes", "both")),
        column(minimum=1.0, labels=("no", "yes")),
    ],
)
def test_impossible_agents_are_named(changes: dict[str, Any]) -> None:
    gather([agent()])
    with pytest.raises(AgentInvalid) as caught:
        gather([agent(**changes)])
    assert repr(changes.get("name", "some")) in str(caught.value)


def test_labels_and_infinite_ranges_are_possible() -> None:
    gather([agent(**column(labels=("no", "yes")))])
    gather([agent(**column(minimum=0.5, maximum=float(2**20)))])


def test_no_two_of_one_name_and_not_too_many() -> None:
    with pytest.raises(AgentInvalid, match="Two agents"):
        gather([agent(), agent()])
    gather([agent(name=f"a{number}") for number in range(MAX_AGENTS)])
    with pytest.raises(AgentInvalid, match="more than"):
        gather([agent(name=f"a{number}") for number in range(MAX_AGENTS + 1)])
