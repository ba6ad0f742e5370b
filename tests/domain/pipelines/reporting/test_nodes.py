import re

from ....pipelines.reporting.test_nodes import card_of


def test_a_card_has_words_of_digits_only_where_the_domain_gives_them(monkeypatch):
    monkeypatch.setattr("penstroke.pipelines.reporting.nodes.INTENDED_USE", "Wines of one valley.")
    monkeypatch.setattr("penstroke.pipelines.reporting.nodes.ROWS", "wines")

    assert not re.search("digit|pixel|drawing|image|handwrit", card_of())
