"""Metadata made ready for img2dataset, in OUT/fetch/metadata/: under the names that a shard's
`.json` will have, with a uid for every pair, and in files small enough to be read whole, which
img2dataset does with each.

img2dataset numbers shards by the order of files and rows, so a fetch can only go on with the very
same rows: they are written once, and `record.json` beside them says from what and for what.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from server.durable import put
from server.errors import FetchError
from server.fetching.layouts import FACES, SHA256, UID, Layout, layout_of, made_uid
from server.fetching.options import Shape

FOLDER = "fetch"
METADATA = "metadata"
RECORD = "record.json"
URL, CAPTION = "url", "text"
SHARDS_A_FILE = 100
MAX_SHARDS = 100_000_000
"""What a shard's name of eight digits has room for."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    size: int


class Staged(msgspec.Struct, frozen=True, kw_only=True):
    """record.json. `pairs` are in shards of `shape.shard_pairs`; the rest of `rows` were left out,
    because they have no URL or the uid of another pair nearby."""

    sources: tuple[Source, ...]
    shape: Shape
    img2dataset: str
    kept: tuple[str, ...]
    has_sha256: bool
    has_faces: bool
    rows: int
    pairs: int
    shards: int
    no_url: int
    duplicates: int


def stage(
    metadata: Path, out: Path, shape: Shape, img2dataset: str, progress: Callable[[int, int], None]
) -> Staged:
    """What OUT/fetch/metadata holds, or is made to hold now. Raises FetchError where OUT is
    something else's, or another fetch's. `progress(done, total)` counts rows."""
    files = find_metadata(metadata)
    sources = tuple(Source(name=path.name, size=path.stat().st_size) for path in files)
    folder = out / FOLDER
    known = read_record(out)
    if known is not None:
        if (known.sources, known.shape, known.img2dataset) != (sources, shape, img2dataset):
            raise FetchError(
                f"{out} is being fetched from other metadata, or in another way.",
                code="fetch_differs",
                next_step=f"Repeat the command as it was, or take another --out. {folder / RECORD} "
                "says what it was.",
            )
        return known
    if out.is_dir() and any(path.name != FOLDER for path in out.iterdir()):
        raise FetchError(
            f"{out} holds something else.", code="fetch_folder", next_step="Take a new --out."
        )
    made = folder / f"{METADATA}.part"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    staged = _write(files, sources, made, shape, img2dataset, progress)
    shutil.rmtree(folder / METADATA, ignore_errors=True)
    put(made, folder / METADATA)
    # The record comes last: what has one is whole.
    part = folder / f"{RECORD}.part"
    part.write_bytes(msgspec.json.format(msgspec.json.encode(staged), indent=1))
    put(part, folder / RECORD)
    return staged


def read_record(out: Path) -> Staged | None:
    path = out / FOLDER / RECORD
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Staged)
    except msgspec.DecodeError as error:
        raise FetchError(
            f"{path}: {error}", code="fetch_folder", next_step="Take a new --out."
        ) from error


def find_metadata(path: Path) -> list[Path]:
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise FetchError(
            f"There is no Parquet file at {path}.",
            code="metadata_missing",
            next_step="Name a Parquet file, or a folder of them.",
        )
    return files


def read_columns(metadata: Path) -> Layout:
    """Of the first file. Raises FetchError."""
    return layout_of(_open(find_metadata(metadata)[0]).schema_arrow)


def _write(
    files: list[Path],
    sources: tuple[Source, ...],
    made: Path,
    shape: Shape,
    img2dataset: str,
    progress: Callable[[int, int], None],
) -> Staged:
    opened = [_open(path) for path in files]
    layout = layout_of(opened[0].schema_arrow)
    schema = _schema(opened[0].schema_arrow, layout)
    for asked, found, column in (
        (shape.blur_faces, layout.faces, FACES),
        (shape.verify_hash, layout.sha256, SHA256),
    ):
        if asked and found is None:
            raise FetchError(
                f"The metadata has no column {column}.",
                code="metadata_layout",
                next_step="Leave out --blur-faces or --verify-hash, which need it.",
            )
    total = sum(file.metadata.num_rows for file in opened)
    rows = pairs = shards = no_url = duplicates = 0
    progress(0, total)
    for number, table in enumerate(_tables(opened, files, schema, layout, shape.shard_pairs)):
        rows += table.num_rows
        found = table.filter(pc.fill_null(pc.not_equal(table[URL], ""), False))
        no_url += table.num_rows - found.num_rows
        single = _once(found)
        duplicates += found.num_rows - single.num_rows
        pairs += single.num_rows
        shards += -(-single.num_rows // shape.shard_pairs)
        if single.num_rows:
            pq.write_table(single, made / f"{number:06d}.parquet")
        progress(rows, total)
    if not pairs or shards >= MAX_SHARDS:
        raise FetchError(
            f"The metadata names {pairs:,} pictures, in {shards:,} shards.",
            code="metadata_empty" if not pairs else "metadata_layout",
            next_step=f"A fetch has at least one picture, and fewer than {MAX_SHARDS:,} shards.",
        )
    return Staged(
        sources=sources,
        shape=shape,
        img2dataset=img2dataset,
        kept=layout.kept,
        has_sha256=layout.sha256 is not None,
        has_faces=layout.faces is not None,
        rows=rows,
        pairs=pairs,
        shards=shards,
        no_url=no_url,
        duplicates=duplicates,
    )


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise FetchError(f"{path}: {error}", code="metadata_unreadable") from error


def _schema(source: pa.Schema, layout: Layout) -> pa.Schema:
    fields = [
        pa.field(URL, pa.string()),
        pa.field(CAPTION, pa.string()),
        pa.field(UID, pa.string()),
    ]
    if layout.sha256:
        fields.append(pa.field(SHA256, pa.string()))
    if layout.faces:
        fields.append(source.field(layout.faces))
    return pa.schema(fields + [source.field(name) for name in layout.kept])


def _tables(
    opened: list[pq.ParquetFile], files: list[Path], schema: pa.Schema, layout: Layout, shard: int
) -> Iterator[pa.Table]:
    """Of SHARDS_A_FILE shards each, over the borders of files."""
    size = shard * SHARDS_A_FILE
    waiting: list[pa.RecordBatch] = []
    count = 0
    for file, path in zip(opened, files, strict=True):
        try:
            for read in file.iter_batches(min(size, 65_536), columns=layout.columns):
                # Text that isn't UTF-8 would break a whole shard, later and elsewhere.
                read.validate(full=True)
                batch = _renamed(read, schema, layout)
                while count + batch.num_rows >= size:
                    cut = size - count
                    yield pa.Table.from_batches([*waiting, batch.slice(0, cut)], schema)
                    waiting, count, batch = [], 0, batch.slice(cut)
                if batch.num_rows:
                    waiting.append(batch)
                    count += batch.num_rows
        except (pa.ArrowException, KeyError, OSError) as error:
            raise FetchError(
                f"{path}: {error}",
                code="metadata_unreadable",
                next_step=f"Every file needs the columns of {files[0].name}, of the same types.",
            ) from error
    if waiting:
        yield pa.Table.from_batches(waiting, schema)


def _renamed(batch: pa.RecordBatch, schema: pa.Schema, layout: Layout) -> pa.RecordBatch:
    names = {URL: layout.url, CAPTION: layout.caption}
    columns = {
        field.name: batch.column(names.get(field.name, field.name)).cast(field.type)
        for field in schema
        if field.name != UID or layout.uid
    }
    columns[UID] = _uids(columns[URL], columns[CAPTION], columns.get(UID))
    for field in schema:
        # JSON has no NaN.
        if pa.types.is_floating(field.type):
            column = columns[field.name]
            columns[field.name] = pc.if_else(pc.is_finite(column), column, None)
    return pa.record_batch([columns[name] for name in schema.names], schema=schema)


def _uids(urls: pa.Array, captions: pa.Array, uids: pa.Array | None) -> pa.Array:
    if uids is not None and not uids.null_count:
        return uids
    given = [None] * len(urls) if uids is None else uids.to_pylist()
    return pa.array(
        [
            uid if uid is not None else made_uid(url or "", caption)
            for uid, url, caption in zip(given, urls.to_pylist(), captions.to_pylist(), strict=True)
        ],
        pa.string(),
    )


def _once(table: pa.Table) -> pa.Table:
    """The first pair of each uid: a shard that has one twice couldn't be ingested."""
    numbered = table.select([UID]).append_column("row", pa.array(range(table.num_rows), pa.int64()))
    first = numbered.group_by(UID).aggregate([("row", "min")])["row_min"]
    if len(first) == table.num_rows:
        return table
    return table.take(first.take(pc.sort_indices(first)))
