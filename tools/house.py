"""The picture of docs/design.md, drawn from the imports: `python -m tools.house` writes it there."""

import re
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "design.md"
STORE = "warehouse"


def rooms() -> list[str]:
    """The folders of the package, its API, `pipeline`, and the store."""
    folders = sorted(path.parent.name for path in (ROOT / "emotion_cli").glob("*/__init__.py"))
    return ["api", *folders, "pipeline", STORE]


def imports() -> dict[str, set[str]]:
    """For each room those that its modules import, also inside of functions."""
    graph = grimp.build_graph("emotion_cli", "warehouse", exclude_type_checking_imports=True)
    known = rooms()
    imports_of: dict[str, set[str]] = {room: set() for room in known}
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            importer, target = _room(module), _room(imported)
            if importer in known and target in known and importer != target:
                imports_of[importer].add(target)
    return imports_of


def _room(module: str) -> str:
    """`job` of `emotion_cli.job.layers`, `warehouse` of all modules of the store."""
    return (module.removeprefix("emotion_cli.")).split(".")[0]


def arrows(imported: dict[str, set[str]]) -> list[tuple[str, str]]:
    """The imports that do not follow from others; no room may import another in a circle."""
    below = {room: _below(room, imported) for room in imported}
    circle = sorted(room for room in imported if room in below[room])
    if circle:
        raise ValueError(f"rooms import each other in a circle: {', '.join(circle)}")
    return sorted(
        (room, target) for room, targets in imported.items() for target in targets if not any(target in below[o] for o in targets)
    )


def _below(room: str, imported: dict[str, set[str]]) -> set[str]:
    """All that a room imports, directly or through others."""
    seen: set[str] = set()
    ahead = [*imported[room]]
    while ahead:
        target = ahead.pop()
        if target not in seen:
            seen.add(target)
            ahead += imported[target]
    return seen


def picture() -> str:
    """The picture as a block of Mermaid."""
    imported = imports()
    nodes = [f'    {room}["{room}"]' for room in imported if room != STORE]
    lines = [f"    {importer} --> {target}" for importer, target in arrows(imported)]
    return "\n".join(["```mermaid", "flowchart TD", *nodes, f'    {STORE}[("{STORE}")]', *lines, "```"])


def page(text: str) -> str:
    """The page with the picture in the place of its block of Mermaid."""
    return re.sub(r"```mermaid\n.*?```", lambda _: picture(), text, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
