"""A file that is not what was written is refused by whoever reads it, whichever bit changed, and named."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloop.engine import Engine
from nightloop.engine.local import LocalEngine
from nightloop.errors import StoreDamaged
from nightloop.lake import Lake, checksums
from nightloop.nights import one
from tests.lake.rows import COMMIT, FIRST, SECOND, TABLE, flights


def lake_at(folder: Path) -> Lake:
    return Lake(str(folder / "lake"), folder / "staging", folder / "cache")


def flip(path: str, bit: int) -> None:
    """Change one bit of a file."""
    content = bytearray(Path(path).read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    Path(path).write_bytes(content)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of one table: a night that was written, one that was adopted."""
    folder = tmp_path_factory.mktemp("checksums")
    lake = lake_at(folder)
    lake.publish(TABLE, FIRST, flights(40), COMMIT)
    made = Path(lake.new_folder(TABLE)) / "part.parquet"
    pq.write_table(flights(30), made)
    lake.adopt_nights(TABLE, {SECOND: [str(made)]}, COMMIT)
    return folder


@given(data=st.data())
@settings(max_examples=150)
def test_any_flipped_bit_of_a_written_or_an_adopted_file_is_refused_with_the_file_and_its_night(
    folder: Path, data: st.DataObject
) -> None:
    night = data.draw(st.sampled_from([FIRST, SECOND]))
    snapshot = lake_at(folder).snapshot(TABLE)
    [path] = snapshot.files[night]
    bit = data.draw(st.integers(0, Path(path).stat().st_size * 8 - 1))
    flip(path, bit)
    try:
        for read in (snapshot.read, snapshot.check_files):
            with pytest.raises(
                StoreDamaged, match=f"a file of night {night} of table uc/features .* is not what was written"
            ) as e:
                read()
            assert e.value.where == path and f"Publish the night {night} again" in str(e.value.do)
    finally:
        flip(path, bit)
    assert snapshot.read().num_rows == 70


@pytest.mark.parametrize("length", [0, 1, -1])
def test_a_file_that_was_cut_or_grew_is_refused(folder: Path, length: int) -> None:
    snapshot = lake_at(folder).snapshot(TABLE)
    path = Path(snapshot.paths[0])
    whole = path.read_bytes()
    path.write_bytes(whole[:length] if length <= 0 else whole + b"\0")
    try:
        with pytest.raises(StoreDamaged, match="is not what was written"):
            snapshot.read()
    finally:
        path.write_bytes(whole)


@pytest.fixture
def local(tmp_path: Path) -> Engine:
    return LocalEngine(tmp_path / "spill", threads=2)


def test_a_query_over_a_damaged_file_is_refused_before_it_answers(folder: Path, local: Engine) -> None:
    snapshot = lake_at(folder).snapshot(TABLE, one(FIRST))
    # A bit of a stored value: the file stays good Parquet, and would give other rows.
    path = snapshot.paths[0]
    metadata = pq.read_metadata(path).row_group(0).column(1)
    bit = 8 * (metadata.data_page_offset + metadata.total_compressed_size - 1)
    flip(path, bit)
    try:
        with pytest.raises(StoreDamaged, match="is not what was written"):
            local.query("select count(*) as n from rows", {"rows": snapshot})
    finally:
        flip(path, bit)
    assert local.query("select count(*) as n from rows", {"rows": snapshot})["n"].to_pylist() == [40]


def test_the_commit_holds_the_crc_32_of_each_file_as_zlib_computes_it_of_the_whole(folder: Path) -> None:
    lake = lake_at(folder)
    states = lake.states(TABLE)
    for night, paths in lake.snapshot(TABLE).files.items():
        of_files = {Path(path).name: f"{zlib.crc32(Path(path).read_bytes()):08x}" for path in paths}
        assert states[night].checksums == of_files


@given(content=st.binary(max_size=200), chunk=st.integers(1, 64))
@settings(max_examples=50)
def test_a_checksum_does_not_depend_on_the_pieces_a_file_is_read_in(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, chunk: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "pieces"
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(checksums, "CHUNK", chunk)
        stream, checksum = checksums.read_with_checksum(str(path))
        assert checksum == checksums.checksum_of(str(path)) == f"{zlib.crc32(content):08x}"
        assert stream.read() == content


def test_a_night_published_before_checksums_is_read_and_a_broken_footer_of_it_is_still_told(tmp_path: Path) -> None:
    lake = lake_at(tmp_path)
    lake.publish(TABLE, FIRST, flights(5), COMMIT)
    [entry] = [log for log in Path(lake.folder(TABLE)).glob("_delta_log/*.json") if '\\"checksums\\"' in log.read_text()]
    actions = [json.loads(line) for line in entry.read_text().splitlines()]
    for action in actions:
        if "commitInfo" in action:
            stated = json.loads(action["commitInfo"]["nightloop"])
            del stated["nights"][0]["checksums"]
            action["commitInfo"]["nightloop"] = json.dumps(stated)
    entry.write_text("\n".join(map(json.dumps, actions)))
    snapshot = lake_at(tmp_path).snapshot(TABLE)
    assert not snapshot.checksums[FIRST] and snapshot.read().num_rows == 5
    snapshot.check_files()
    Path(snapshot.paths[0]).write_bytes(b"PAR1")
    with pytest.raises(StoreDamaged, match="is unreadable"):
        snapshot.check_files()
