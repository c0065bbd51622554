"""Two checklists that a card answers, and in which of its sections.

Mitchell et al. 2019, "Model cards for model reporting", and Annex IV (technical documentation of high-risk systems) of
Regulation (EU) 2024/1689. A card is no conformity: it says where an assessor finds what, and what Nightloop does not make.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nightloop.model.training.card_text import CHANGES, GATES, MARGIN, OVERSIGHT, table

MITCHELL: Mapping[str, tuple[str, ...]] = {
    "Model details": ("Model details", "How to make it again"),
    "Intended use": ("Intended use", "Out of scope"),
    "Factors": ("Slices", "Fairness"),
    "Metrics": ("Metrics",),
    "Evaluation data": ("Data",),
    "Training data": ("Data", "Features"),
    "Quantitative analyses": ("Performance on the validation nights", "Slices", "Fairness", "Explanations"),
    "Ethical considerations": ("Ethical considerations",),
    "Caveats and recommendations": ("Limits",),
}


@dataclass(frozen=True)
class Point:
    """A heading of Annex IV: the sections that answer it, and what is left to the owner."""

    heading: str
    sections: tuple[str, ...]
    left_to_owner: str = ""


ANNEX_IV: tuple[Point, ...] = (
    Point("1. General description: purpose, provider, version", ("Model details", "Intended use", "Out of scope")),
    Point("2(a)-(c). Development: methods, design, architecture", ("Model details", "Features", "How to make it again")),
    Point("2(d). Data requirements, provenance, characteristics", ("Data", "Features")),
    Point("2(e). Human oversight", (OVERSIGHT,)),
    Point("2(f). Changes that are determined beforehand", ("Monitoring", MARGIN)),
    Point("2(g). Validation and testing, with metrics and dates", ("Performance on the validation nights", "Fairness", GATES)),
    Point("2(h). Cybersecurity", (), "of the installation, not of a model: the owner's"),
    Point(
        "3. Capabilities, limits, accuracy for groups, oversight", ("Slices", "Fairness", "Explanations", "Limits", OVERSIGHT)
    ),
    Point("4. Why these metrics are appropriate", ("Metrics",)),
    Point("5. Risk management system", ("Ethical considerations", "Limits"), "the system itself is the owner's"),
    Point("6. Changes over the lifecycle", (CHANGES,)),
    Point("7. Harmonised standards applied", (), "none is claimed here"),
    Point("8. EU declaration of conformity", (), "none is made by Nightloop"),
    Point("9. Post-market monitoring", ("Monitoring",)),
)


def answered_in() -> str:
    """Return where a card answers both lists, as Markdown."""
    mitchell = [(heading, ", ".join(sections)) for heading, sections in MITCHELL.items()]
    annex = [
        (point.heading, "; ".join(part for part in (", ".join(point.sections), point.left_to_owner) if part))
        for point in ANNEX_IV
    ]
    return "\n\n".join(
        [
            table(("Mitchell et al. 2019", "section of this card"), mitchell),
            table(("Annex IV of Regulation (EU) 2024/1689", "section of this card"), annex),
        ]
    )
