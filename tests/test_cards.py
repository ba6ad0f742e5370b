import re
from html import unescape

import pytest
from markdown import markdown

from penstroke.cards import in_line, markdown_table


def cells_of(card):
    """The tables of a card as people see them: the cells of each row."""
    page = markdown(card, extensions=["tables"])
    return [
        [unescape(re.sub("<[^>]+>", "", cell)) for cell in re.findall(r"<t[hd]>(.*?)</t[hd]>", row)]
        for row in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    ]


@pytest.mark.parametrize("label", ["a|b", "|", "a\\", "a\\|b", "a\\\\|", "7", 7])
def test_a_label_is_one_cell_and_is_read_as_it_is(label):
    assert cells_of(markdown_table(("class", "rows"), [(label, 3)])) == [["class", "rows"], [str(label), "3"]]


@pytest.mark.parametrize("label", ["a\nb", "a\r\nb", "a\u2028b", "a\x0bb"])
def test_a_line_break_in_a_label_becomes_a_space(label):
    assert cells_of(markdown_table(("class", "rows"), [(label, 3), ("c", 4)])) == [
        ["class", "rows"],
        ["a b", "3"],
        ["c", "4"],
    ]
    assert in_line(label) == "a b"


def test_a_table_without_rows_has_its_head():
    assert markdown_table(("class", ""), []) == "| class |  |\n| --- | --- |"
