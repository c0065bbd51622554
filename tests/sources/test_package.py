"""A file that an installed distribution carries: found by its metadata, and named when it is not there."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from nightloop.definitions.connectors import PackageConnector
from nightloop.errors import SourceDamaged
from nightloop.sources.package import Package

REINSTALL = "Install it again: uv pip install --reinstall night-shop."
FILES = ("night_shop/__init__.py", "night_shop/orders.csv", "night_shop/gone.csv")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution whose package cannot be imported, with one file that is listed but gone."""
    folder = tmp_path / "site"
    information = folder / "night_shop-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: night-shop\nVersion: 1.0\n")
    (information / "RECORD").write_text("".join(f"{name},,\n" for name in FILES))
    (folder / "night_shop").mkdir()
    (folder / "night_shop" / "__init__.py").write_text("raise ImportError('never')\n")
    (folder / "night_shop" / "orders.csv").write_text("number,clerk\n1,ada\n2,-\n")
    monkeypatch.syspath_prepend(str(folder))
    return folder


def package(tmp_path: Path, distribution: str = "night-shop", file: str = "night_shop/orders.csv") -> Package:
    declared = PackageConnector(kind="package", distribution=distribution, file=file, null="-")
    return Package(declared, tmp_path / "cache")


def test_the_records_of_the_whole_file_are_read_without_importing_the_package(installed: Path, tmp_path: Path) -> None:
    orders = package(tmp_path)
    delivery = orders.read(None)
    assert pq.read_table(delivery.records).select(["number", "clerk"]).to_pylist() == [
        {"number": "1", "clerk": "ada"},
        {"number": "2", "clerk": None},
    ]
    assert (delivery.origin, delivery.remedy) == (str(installed / "night_shop" / "orders.csv"), REINSTALL)
    assert orders.origin == "night-shop: night_shop/orders.csv"


@pytest.mark.parametrize(
    ("distribution", "file", "message"),
    [
        (
            "night-shops",
            "a.csv",
            "file 'a.csv': the distribution 'night-shops' is not installed. Install it: uv pip install night-shops",
        ),
        (
            "night-shop",
            "night_shop/order.csv",
            "night-shop: the distribution 'night-shop' lists no file 'night_shop/order.csv'.",
        ),
        (
            "night-shop",
            "night_shop/gone.csv",
            f"gone.csv: the file is listed by the distribution 'night-shop' but is gone. {REINSTALL}",
        ),
    ],
)
@pytest.mark.usefixtures("installed")
def test_what_is_not_there_is_named_with_what_to_do(tmp_path: Path, distribution: str, file: str, message: str) -> None:
    with pytest.raises(SourceDamaged) as refused:
        package(tmp_path, distribution, file).read(None)
    assert message in str(refused.value)


@pytest.mark.usefixtures("installed")
def test_a_file_near_by_is_suggested_of_the_data_alone(tmp_path: Path) -> None:
    with pytest.raises(SourceDamaged) as refused:
        package(tmp_path, file="night_shop/__init__.csv").read(None)
    assert "night_shop/orders.csv" in str(refused.value.do)
    assert "__init__.py" not in str(refused.value.do)
