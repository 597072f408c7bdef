"""A value as the text of a cell: for people rounded and safe to print, for machines whole."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

NULL = "NULL"
DIGITS = 4
"""Significant digits that people see; the machine formats have them all."""

ITEMS = 3
"""Items of a list that are shown where it is abbreviated."""

LONGEST = 300
"""Characters of a text that are shown where it is abbreviated."""


def for_people(value: Any, *, whole: bool = True) -> str:
    """The text of a value with rounded numbers and escaped control characters; long lists and texts are cut unless `whole`."""
    if value is None:
        return NULL
    if isinstance(value, float) or (isinstance(value, Decimal) and value != value.to_integral_value()):
        return _rounded(float(value))
    if isinstance(value, list):
        shown = value if whole or len(value) <= ITEMS + 1 else value[:ITEMS]
        items = [for_people(item, whole=whole) for item in shown]
        items += [f"... {len(value):,} values"] if len(shown) < len(value) else []
        return f"[{', '.join(items)}]"
    text = for_machines(value)
    if not whole and len(text) > LONGEST:
        text = f"{text[:LONGEST]}..."
    # a stored text must not move the cursor or colour the terminal
    return "".join(letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in text)


def for_machines(value: Any) -> str:
    """The text of a value with all its digits; NULL is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return dumps(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def dumps(value: Any) -> str:
    """A value as JSON; NaN and infinities are null."""
    return json.dumps(_without_nan(value), ensure_ascii=False, default=for_machines)


def _rounded(value: float) -> str:
    # 12346, not 1.235e+04
    return f"{value:.0f}" if 10**DIGITS <= abs(value) < 1e15 else f"{value:.{DIGITS}g}"


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    if isinstance(value, Decimal):  # sums of whole numbers come so
        return int(value) if value == value.to_integral_value() else float(value)
    # JSON knows neither NaN nor infinity
    return None if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))) else value
