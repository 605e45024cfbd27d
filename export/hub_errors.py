"""What went wrong with the hub, in one sentence, with what to do about it."""

from __future__ import annotations

import errno

from huggingface_hub.errors import (
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from export.errors import DownloadFailed

ELSEWHERE = "or give a file downloaded elsewhere, with --arch"


def failure(error: Exception, repository: str, name: str) -> DownloadFailed:
    """`error` is what hf_hub_download raised for the file `name`."""
    if isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    sentence, next_step = _explain(error, repository, name)
    return DownloadFailed(sentence, next_step=next_step)


def _explain(error: Exception, repository: str, name: str) -> tuple[str, str]:
    failed = f"{repository} could not be downloaded: "
    if isinstance(error, GatedRepoError):
        return (
            f"{failed}it is gated, and this account hasn't been let in.",
            f"Accept its terms at https://huggingface.co/{repository}, then run `hf auth login` or "
            "set HF_TOKEN.",
        )
    if isinstance(error, RepositoryNotFoundError | HFValidationError):
        return (
            f"{failed}the hub has no such repository, or it is private.",
            "Check its name; for a private one run `hf auth login` or set HF_TOKEN.",
        )
    if isinstance(error, RevisionNotFoundError):
        return (
            f"{failed}it has no such revision.",
            "Give --revision a branch, a tag or a commit's 40 hex digits.",
        )
    if isinstance(error, HfHubHTTPError):
        return f"{failed}{_status(error.response.status_code)}", _status_step(error)
    if isinstance(error, OfflineModeIsEnabled | LocalEntryNotFoundError):
        return (
            f"{failed}{name} is not in the cache, and nothing is to be fetched or can be.",
            f"Unset HF_HUB_OFFLINE, check the connection, {ELSEWHERE}.",
        )
    if isinstance(error, FileMetadataError):
        return (
            f"{failed}what answers is not a Hugging Face hub.",
            "Check HF_ENDPOINT, and any proxy on the way.",
        )
    if isinstance(error, UserWarning) or getattr(error, "errno", 0) == errno.ENOSPC:
        return (
            f"{failed}the disk has no room for {name}.",
            "Make room, or set HF_HOME to a folder on a larger disk.",
        )
    if isinstance(error, OSError) and error.errno is not None:
        place = error.filename or name
        return f"{failed}{error.strerror} ({place}).", "Check HF_HOME and who may write it."
    if "Consistency check" in str(error):
        return f"{failed}{name} came shorter or longer than announced.", "Run this again."
    return (
        f"{failed}no answer from the hub, or it broke off ({type(error).__name__}), and {name} is "
        "not in the cache.",
        f"Check the connection and run this again, {ELSEWHERE}.",
    )


def _status(code: int) -> str:
    if code in (401, 403):
        return f"the hub refuses it to this account ({code})."
    if code == 429:
        return "the hub asks for fewer requests (429)."
    if code >= 500:
        return f"the hub is in trouble ({code})."
    return f"the hub answers {code}."


def _status_step(error: HfHubHTTPError) -> str:
    code = error.response.status_code
    if code in (401, 403):
        return "Run `hf auth login` or set HF_TOKEN, and check what the token may read."
    if code == 429 or code >= 500:
        return "Try again later; files that are complete stay in the cache."
    return "Check the id and the revision on the hub."
