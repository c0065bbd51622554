"""What the HTML pages share: their templates, and a drawing with its title."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from nightloop.wording import counted


@dataclass(frozen=True)
class Picture:
    """A drawing with its title and what it shows."""

    title: str
    text: str
    drawing: Markup


def page_template(name: str) -> Template:
    """Return a template of this folder; values are escaped, and one that is not given is an error."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined)
    environment.globals["counted"] = counted
    return environment.get_template(name)
