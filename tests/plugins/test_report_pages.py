"""Which files of a home a browser may be shown: pages below the reports folder, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.report_pages import find_page


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    folder = tmp_path / "reports"
    (folder / "loans").mkdir(parents=True)
    (folder / "loans" / "week.html").write_text("<html></html>")
    (folder / "loans" / "page.html.part").write_text("half a page")
    (tmp_path / "secret.html").write_text("not a report")
    (folder / "link.html").symlink_to(tmp_path / "secret.html")
    return folder


def test_a_page_below_the_reports_is_found(reports: Path):
    assert find_page(reports, "loans/week.html") == (reports / "loans" / "week.html").resolve()


@pytest.mark.parametrize(
    "name",
    ["../secret.html", "loans/../../secret.html", "link.html", "/etc/hosts", "loans", "loans/page.html.part", "none.html", ""],
)
def test_what_is_no_page_or_lies_elsewhere_is_not(reports: Path, name: str):
    assert find_page(reports, name) is None


@pytest.mark.parametrize("name", ["week\0.html", "x" * 300 + ".html"])
def test_a_name_that_no_file_can_have_is_not_found_and_no_error(reports: Path, name: str):
    assert find_page(reports, name) is None
