"""The pages of the contracts for people: Great Expectations' own data docs, made to stand alone.

The library renders a page for each suite and for each result. Its pages load scripts, styles and a logo from nine other hosts,
which tells those hosts who looks at what, and shows nothing where there is no network: all of that is taken out, and a style
of our own put in. Pages need no script, so the report plugin can show them in its sandbox.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import pyarrow as pa

from nightloop.atomic_file import write_atomically
from nightloop.contracts import great_expectations_engine
from nightloop.contracts.results import Result
from nightloop.contracts.suite import Rule

_FOREIGN = re.compile(
    r"<script\b.*?</script>|<style\b.*?</style>|<link\b[^>]*>|<img\b[^>]*>|<nav class=\"navbar.*?</nav>\s*</div>\s*</nav>"
    r"|<footer\b.*?</footer>|<div class=\"card mb-3\">\s*<div class=\"card-header p-2\">\s*<strong>Actions</strong>.*?</label>"
    r"\s*</div>\s*</div>\s*</div>\s*</div>\s*</div>",
    re.DOTALL,
)
_ELSEWHERE = re.compile(r'href="(https?:|\.\./)[^"]*"')
STYLE = """<style>
body{font:15px/1.5 system-ui,sans-serif;color:#1d2433;background:#fff;max-width:76rem;margin:1.5rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0}td,th{border:1px solid #dde1e8;padding:.35rem .6rem;text-align:left;
vertical-align:top}.alert{background:#f3f5f8;padding:.7rem 1rem;border-radius:6px;margin:1rem 0}h5,h6,h4{margin:.2rem 0}
.text-danger{color:#b3261e}.text-success{color:#2e7d4f}.fa-times::before{content:"\\2717"}
.fa-check-circle::before{content:"\\2713"}.fa-exclamation-triangle::before{content:"\\26A0"}.badge{background:#e8ebf0;
border-radius:4px;padding:0 .35rem}a{color:#2456a6}[hidden]{display:none}.show-scrollbars{overflow:auto}ul{padding-left:1.1rem}
</style>"""
HEAD = '<p><a href="index.html">Contracts</a></p>'


@dataclass(frozen=True)
class ValidationRequest:
    """Rules and the rows they are about: those that set rows aside see all rows of a source, the others those published."""

    name: str  # of the page, for example orders-as-delivered
    title: str
    rules: Sequence[Rule]
    rows: pa.Table
    shows_values: bool  # whether examples of breaking values may be shown


@dataclass(frozen=True)
class ValidationReport:
    """What Great Expectations answers, and its page."""

    request: ValidationRequest
    results: Sequence[Result]
    html: str


def judge_in_full(request: ValidationRequest) -> ValidationReport:
    """Let Great Expectations judge every rule, and render its results."""
    from great_expectations.render.renderer import ValidationResultsPageRenderer

    validation = great_expectations_engine.validate_in_full(request.rules, request.rows, shows_values=request.shows_values)
    results = great_expectations_engine.run(request.rules, request.rows)
    return ValidationReport(request, results, _page(ValidationResultsPageRenderer().render(validation), request.title))


def suite_page(title: str, rules: Sequence[Rule]) -> str:
    """Render a suite: our words for each rule, then what it expects in the library's.

    A distribution that too few recent nights show cannot be drawn, and is left out of the second part.
    """
    from great_expectations.render.renderer import ExpectationSuitePageRenderer

    drawable = [rule for rule in rules if "$PARAMETER" not in rule.kwargs.get("partition_object", {})]
    suite = great_expectations_engine.as_suite(
        title, [replace(rule, kwargs=great_expectations_engine.simple(rule.kwargs)) for rule in drawable]
    )
    rows = [[escape(text) for text in (rule.name, rule.on_breach, rule.description, rule.place)] for rule in rules]
    declared = table(("rule", "on a breach", "what it means", "declared"), rows)
    return _page(ExpectationSuitePageRenderer().render(suite), title, declared)


def _page(document: Any, title: str, top: str = "") -> str:
    from great_expectations.render.view import DefaultJinjaPageView

    return standing_alone(DefaultJinjaPageView().render(document), title, top)


def standing_alone(html: str, title: str, top: str = "") -> str:
    """Take out whatever a page would load from elsewhere, and put our title and ``top`` above the rest."""
    plain = _ELSEWHERE.sub('href="index.html"', _FOREIGN.sub("", html))
    plain = re.sub(r"<title>.*?</title>", "", plain, flags=re.DOTALL)
    plain = plain.replace("</head>", f"<title>{escape(title)}</title>{STYLE}</head>", 1)
    head = f"{HEAD}<h1>{escape(title)}</h1>{top}"
    return re.sub(r"<body[^>]*>", lambda body: f"{body[0]}{head}", plain, count=1)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; cells are HTML."""
    cells = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    heads = "".join(f"<th>{escape(name)}</th>" for name in head)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{cells}</tbody></table>"


def index_page(title: str, summary: str, rows: Iterable[Sequence[str]], head: Sequence[str]) -> str:
    """Return the page that leads to the others; cells are HTML."""
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>{STYLE}</head><body>'
        f"<h1>{escape(title)}</h1><p>{escape(summary)}</p>{table(head, rows)}</body></html>"
    )


def write(pages: dict[str, str], folder: Path) -> Path:
    """Write the pages, each whole, the index last, so that no link leads nowhere; return the index."""
    for name in [*(name for name in pages if name != "index"), "index"]:
        write_atomically(folder / f"{name}.html", pages[name])
    return folder / "index.html"
