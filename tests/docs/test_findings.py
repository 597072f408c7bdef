"""The tables of docs/findings.md are made of a store, by the SQL above each."""

from tools import findings
from warehouse.store import Store

PAGE = """Text before.

<!-- sql
select 'a' as name, 0.5::double as value, null as nothing
-->

Between, with | a bar.

<!-- sql
select 2 as n
-->
| old |
| --- |
| 1 |

Text after.
"""


def test_tables_are_put_below_their_sql_and_made_again_from_themselves(tmp_path):
    made = findings.page(PAGE, Store(tmp_path))
    assert "-->\n| name | value | nothing |\n| --- | ---: | ---: |\n| a | 0.50 |  |\n\nBetween, with | a bar." in made
    assert "-->\n| n |\n| ---: |\n| 2 |\n\nText after.\n" in made and "old" not in made
    assert findings.page(made, Store(tmp_path)) == made
    assert findings.cells(made)[1] == ["n", "---:", "2"]


def test_every_table_of_the_page_has_rows():
    text = findings.PAGE.read_text(encoding="utf-8")
    tables = findings.cells(text)
    assert len(tables) == text.count("<!-- sql\n") > 5 and all(tables)
