"""Every error the export pipeline raises.

DvaError
└── ExportError               the bundle can't be made
    ├── CheckpointRefused     the checkpoint can't be had, or isn't what it is said to be
    │   ├── DownloadFailed    the hub didn't give it
    │   └── LicenceUnaccepted nobody has said that its terms are accepted
    ├── TowerUnsupported      a part of the network that the graph writer doesn't know
    └── BundleRefused         the numbers or the target folder forbid writing the bundle
"""

from __future__ import annotations

from dva_agent.errors import DvaError


class ExportError(DvaError):
    default_code = "export_failed"


class CheckpointRefused(ExportError):
    default_code = "checkpoint_refused"


class DownloadFailed(CheckpointRefused):
    default_code = "download_failed"


class LicenceUnaccepted(CheckpointRefused):
    default_code = "licence_unaccepted"


class TowerUnsupported(ExportError):
    default_code = "tower_unsupported"
    default_next_step = (
        "Export a CLIP with open_clip's own VisionTransformer or ModifiedResNet and text tower."
    )


class BundleRefused(ExportError):
    default_code = "bundle_refused"
