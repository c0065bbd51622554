"""Archives are unpacked up to the bytes that are allowed, and a damaged one is said to be."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from nightloop.sources.unpacking import CHUNK, Allowance, NotUnpacked, TooLarge, gunzipped, unzipped


def zipped(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name.replace("_", "."), member)
    return content.getvalue()


@pytest.mark.parametrize(("maximum", "fits"), [(9, False), (10, True), (11, True)])
def test_what_unpacks_to_exactly_the_maximum_is_allowed(maximum: int, fits: bool) -> None:
    for unpack in (
        lambda allowance: gunzipped(gzip.compress(b"x" * 10), allowance),
        lambda allowance: unzipped(zipped(a_csv=b"x" * 10), ".csv", allowance),
    ):
        allowance = Allowance(maximum)
        if fits:
            assert unpack(allowance) == b"x" * 10
            assert allowance.taken == 10
        else:
            with pytest.raises(TooLarge, match="more than the 9 bytes"):
                unpack(allowance)


def test_files_of_a_delivery_share_one_allowance() -> None:
    allowance = Allowance(10)
    allowance.take(4)
    allowance.take(6)
    assert allowance.taken == 10
    with pytest.raises(TooLarge):
        allowance.take(1)


def test_a_bomb_is_stopped_after_one_piece_too_many() -> None:
    for unpack, bomb in ((gunzipped, gzip.compress(bytes(8 * CHUNK))), (None, zipped(a_csv=bytes(8 * CHUNK)))):
        allowance = Allowance(2 * CHUNK)
        with pytest.raises(TooLarge):
            unpack(bomb, allowance) if unpack else unzipped(bomb, ".csv", allowance)
        assert allowance.taken <= 3 * CHUNK


def test_more_than_one_piece_comes_out_whole() -> None:
    content = bytes(range(256)) * (CHUNK // 128)
    assert gunzipped(gzip.compress(content), Allowance(len(content))) == content
    assert unzipped(zipped(a_csv=content), ".csv", Allowance(len(content))) == content


@pytest.mark.parametrize(
    ("members", "found"),
    [({}, 0), ({"a_txt": b"x"}, 0), ({"a_csv": b"x", "b_csv": b"y"}, 2), ({"a_csv": b"x", "b_CSV": b"y"}, 2)],
)
def test_a_zip_holds_exactly_one_file_of_the_kind(members: dict[str, bytes], found: int) -> None:
    with pytest.raises(NotUnpacked, match=rf"expected one \.csv in the zip, found {found}"):
        unzipped(zipped(**members), ".csv", Allowance(100))


def test_other_files_in_the_zip_and_capitals_do_not_matter() -> None:
    assert unzipped(zipped(readme_txt=b"no", DATA_CSV=b"yes"), ".csv", Allowance(100)) == b"yes"


def damaged_zip() -> bytes:
    whole = bytearray(zipped(a_csv=b"abcdefghij" * 50))
    whole[45] ^= 255  # within the compressed bytes
    return bytes(whole)


@pytest.mark.parametrize("content", [b"", b"no archive", zipped(a_csv=b"x" * 999)[:60], damaged_zip()], ids=range(4))
def test_a_damaged_zip_is_an_error(content: bytes) -> None:
    with pytest.raises(NotUnpacked, match=r"expected a zip with one \.csv in it"):
        unzipped(content, ".csv", Allowance(10_000))


@pytest.mark.parametrize(
    "content", [b"no archive", gzip.compress(b"x" * 999)[:-9], gzip.compress(b"abc") + b"rest"], ids=range(3)
)
def test_a_damaged_gzip_is_an_error(content: bytes) -> None:
    with pytest.raises(NotUnpacked, match="expected a gzip file"):
        gunzipped(content, Allowance(10_000))


def test_gzip_files_joined_together_are_one() -> None:
    assert gunzipped(gzip.compress(b"ab") + gzip.compress(b"cd"), Allowance(4)) == b"abcd"
