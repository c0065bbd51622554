"""A model card as a page: self-contained, every section in it, and nothing of a definition's texts becomes HTML."""

from __future__ import annotations

from html.parser import HTMLParser

from nightloop.reporting import card_page

SECTIONS = {
    "": "# tiny: xgboost, as of 2024-03-01\n\nWill the <b>account</b> be late?",
    "Gates": "| gate | verdict |\n| --- | --- |\n| fairness | <script>alert(1)</script> |",
    "Changes since the version before": "- features: `late_rate_7` added",
}
PNG = bytes.fromhex("89504e470d0a1a0a")


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.opened: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.opened.append((tag, dict(attrs)))


def page(**given) -> str:
    return card_page.render(SECTIONS, pictures={}, **given)


def tags_of(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(html)
    return parser.opened


def test_every_section_has_its_place_and_a_link_to_it():
    tags = tags_of(page(tiles=[card_page.Tile("version 3", "trained as of 2024-03-01")]))
    anchors = [attributes["id"] for tag, attributes in tags if tag == "section"]
    assert anchors == ["gates", "changes-since-the-version-before"]
    assert [attributes["href"] for tag, attributes in tags if tag == "a"] == [f"#{anchor}" for anchor in anchors]
    assert "table" in [tag for tag, _ in tags] and "version 3" in page(tiles=[card_page.Tile("version 3", "")])


def test_no_text_becomes_a_tag_and_the_page_asks_no_other_address():
    html = card_page.render(SECTIONS, pictures={"Gates": [card_page.image('a "picture"', "of it", PNG)]})
    tags = tags_of(html)
    assert "script" not in [tag for tag, _ in tags] and "&lt;script&gt;alert(1)" in html and "&lt;b&gt;account" in html
    [picture] = [attributes for tag, attributes in tags if tag == "img"]
    assert picture["alt"] == 'a "picture"' and str(picture["src"]).startswith("data:image/png;base64,iVBORw0K")
    addresses = [value for _, attributes in tags for name, value in attributes.items() if name in ("src", "href")]
    assert all(str(address).startswith(("#", "data:")) for address in addresses) and "http" not in html.replace(
        "http-equiv", ""
    )


def test_the_metric_of_each_model_is_drawn_from_the_verdict_s_figures():
    def figure(metric: str, value: float) -> dict[str, object]:
        return {"metric": metric, "value": value, "low": value - 0.01, "high": value + 0.01, "n": 500, "group": "all"}

    figures = [figure("auc", 0.7), figure("baseline_auc", 0.6), figure("auc_over_baseline", 0.1), figure("champion_auc", 0.69)]
    [picture] = card_page.by_model("auc", "AUC", figures)
    assert [label in picture.drawing for label in ("candidate", "baseline", "champion", "best of the year")] == [True] * 3 + [
        False
    ]
    assert card_page.by_model("auc", "AUC", []) == []


def test_the_same_card_gives_the_same_page():
    assert page() == page()
