"""Where agents find what belongs to a pool."""

from __future__ import annotations

from dva_agent.protocol import ROOT

from server.config import Settings
from server.pools.models import Shard


def bundle_url(bundle: str) -> str:
    return f"{ROOT}/bundles/{bundle}/"


def bundle_sources(settings: Settings, bundle: str) -> list[str]:
    """Where a bundle's files can be had, best first; the server itself is the last."""
    mirrors = [f"{settings.model_mirror.rstrip('/')}/{bundle}/"] if settings.model_mirror else []
    return [*mirrors, bundle_url(bundle)]


def shard_url(shard: Shard) -> str:
    return f"{ROOT}/pools/{shard.pool.name}/shards/{shard.name}.tar"
