"""The picture of the README, a figure of the store of `make run`: `python -m tools.picture STORE` writes it to docs."""

import sys
from pathlib import Path

FIGURE = Path("figures", "extended", "smollm2-135m", "mean_difference,neutral,last", "test_sets.svg")
PICTURE = Path(__file__).parents[1] / "docs" / "picture.svg"


def main(store: Path) -> None:
    """Write the picture."""
    PICTURE.write_bytes((store / FIGURE).read_bytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
