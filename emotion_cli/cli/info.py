"""`emo info`: versions, places, and where each setting came from."""

from importlib.metadata import PackageNotFoundError, version

from emotion_cli import __version__
from emotion_cli.cli import options as o
from emotion_cli.cli.output import Format, write_records
from emotion_cli.settings import SETTINGS

PACKAGES = (
    "torch", "transformers", "tokenizers", "numpy", "scipy", "pyarrow", "duckdb", "polars", "matplotlib", "typer", "rich",
)  # fmt: skip


def info(store: o.StoreDir = None, format: o.RowFormat = Format.table) -> None:
    """Print versions, and every setting with the place that it came from."""
    settings, _, _ = o.start(store=store)
    rows = [{"what": "emo", "value": __version__, "source": "installed"}]
    rows += [{"what": package, "value": _version(package), "source": "installed"} for package in PACKAGES]
    for name in SETTINGS:
        value = getattr(settings, name)
        text = ", ".join(map(str, value)) if isinstance(value, tuple) else str("" if value is None else value)
        rows.append({"what": name, "value": text, "source": settings.sources.get(name, "default")})
    write_records(rows, format)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
