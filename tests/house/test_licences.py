"""docs/licences.md lists exactly the locked packages whose licence is copyleft or not stated."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from nightloop.settings import REPOSITORY

PAGE = (REPOSITORY / "docs" / "licences.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `([\w.-]+)` \| ([^|]+) \|", PAGE, re.M))
LOCKED = re.findall(r"^([A-Za-z0-9][\w.-]*)==", (REPOSITORY / "requirements.txt").read_text(encoding="utf-8"), re.M)
COPYLEFT = re.compile(r"[AL]?GPL|General Public|MPL|Mozilla|EPL|Eclipse|CDDL|EUPL|CeCILL|Sleepycat|Proprietary|NVIDIA", re.I)
PERMISSIVE = re.compile(r"MIT|BSD|Apache|ISC|Python|PSF|Unlicense|Zlib|HPND|CC0|Public Domain|Boost|Zope|ZPL", re.I)
FAMILIES = ("LGPL", "GPL", "MPL", "EPL", "Apache", "Artistic", "MIT")


def stated(package: str) -> str | None:
    """Return what a package's metadata state as its licence, "" where they state none, None where it is not installed."""
    try:
        about = metadata.metadata(package)
    except metadata.PackageNotFoundError:
        return None
    if expression := about.get("License-Expression"):
        return str(expression)
    names = [name.rsplit("::", 1)[-1].strip() for name in about.get_all("Classifier") or [] if name.startswith("License ::")]
    first_line = (about.get("License") or "").partition("\n")[0]
    return "; ".join([*(name for name in names if name != "OSI Approved"), first_line]).strip("; ")


def is_notable(licence: str) -> bool:
    """Say whether a licence is copyleft, even as one of a choice, or unknown."""
    return bool(COPYLEFT.search(licence)) or not PERMISSIVE.search(licence)


LICENCES = {package: licence for package in LOCKED if (licence := stated(package)) is not None}


def test_the_page_lists_every_locked_package_under_copyleft_or_an_unknown_licence_and_no_other() -> None:
    assert sorted(ROWS) == sorted(package for package, licence in LICENCES.items() if is_notable(licence))


@pytest.mark.parametrize("package", ROWS)
def test_the_page_names_the_families_of_licences_that_the_package_states(package: str) -> None:
    words = LICENCES[package].replace("Lesser General Public License", "LGPL").replace("General Public License", "GPL")
    words = words.replace("Mozilla Public License", "MPL").replace("EPLv", "EPL")
    families = {family for family in FAMILIES if re.search(rf"(?<![A-Za-z]){family}", words)}
    assert families == {family for family in FAMILIES if re.search(rf"(?<![A-Za-z]){family}", ROWS[package])}
    assert (ROWS[package] == "none stated") == (not LICENCES[package])


def test_locked_packages_that_are_not_installed_are_named() -> None:
    assert {package for package in LOCKED if f"`{package}`" not in PAGE} <= set(LICENCES)


@pytest.mark.parametrize(
    ("licence", "notable"),
    [
        ("MIT", False),
        ("Apache-2.0", False),
        ("BSD License", False),
        ("Apache-2.0 OR GPL-2.0-or-later", True),
        ("MPL-2.0 AND MIT", True),
        ("GNU Library or Lesser General Public License (LGPL)", True),
        ("NVIDIA Proprietary Software", True),
        ("", True),
        ("A licence nobody knows", True),
    ],
)
def test_copyleft_as_a_choice_and_the_unknown_are_notable(licence: str, notable: bool) -> None:
    assert is_notable(licence) is notable


def test_what_only_a_gpu_can_use_is_not_installed() -> None:
    assert [package for package in LOCKED if package.startswith("nvidia") and stated(package) is not None] == []


USE = """
import sys
from dvc.repo import Repo
with Repo.init(".", no_scm=True) as repo:
    repo.add("rows")
print(sorted({"asyncssh", "grandalf", "pygit2"} & set(sys.modules)))
"""


@pytest.mark.slow
def test_dvc_without_git_loads_none_of_the_packages_that_may_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "rows").write_text("1")
    done = subprocess.run([sys.executable, "-c", USE], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr
