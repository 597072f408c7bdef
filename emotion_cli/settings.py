"""What a run is made with: flag > EMO_* environment > [tool.emo] or emo.toml > recipe > default, resolved once, frozen.

A setting is declared once, as a field of `Settings`: its name is the flag (`--batch-tokens`), the environment variable
(`EMO_BATCH_TOKENS`) and the key in a file (`batch_tokens`).
"""

import os
import shlex
import tomllib
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import platformdirs

from emotion_cli.errors import UsageError
from emotion_cli.recipes import DEFAULT, Recipe, find, recipes_of
from emotion_cli.suggestions import did_you_mean, unknown

DEVICES = ("auto", "cpu", "cuda", "mps")
DTYPES = ("auto", "float32", "bfloat16", "float16")
ATTENTIONS = {"auto": None, "eager": "eager", "sdpa": "sdpa", "flex": "flex_attention"}
"""What transformers calls each kernel of attention; None is its own choice for the model."""

BOS_RULES = ("auto", "always", "never")
LAYER_RANGES: dict[str, Callable[[int], range]] = {
    "resid_post": lambda n_layers: range(1, n_layers + 1),
    "resid_pre": lambda n_layers: range(n_layers),
}
"""Layers by the name of the hook that TransformerLens reads them with, for a model of n_layers blocks."""

NOT_IN_RECIPES = ("recipe", "store", "cache")

LEAST = {"batch_tokens": 1, "draws": 100, "max_length": 1}
"""The smallest value of a number: with fewer draws an interval of 95 % rests on one or two draws at each end."""

Names = tuple[str, ...]
Layers = tuple[int | str, ...]
"""Layer numbers, and names of ranges that depend on the model's depth."""


def _setting(
    default: Any, doc: str, choices: Names = (), *, otherwise: str = "", short: str = "", metavar: str | None = None
) -> Any:
    """A field of `Settings`: what it means, what counts if it is not given, and how it is written on a command line."""
    return field(
        default=default, metadata={"doc": doc, "choices": choices, "otherwise": otherwise, "short": short, "metavar": metavar}
    )


@dataclass(frozen=True)
class Settings:
    """Every setting of a run, in the order in which help lists them; an empty list of names means all there are."""

    dataset: Names = _setting((), "prompt set", otherwise="all", short="-d")
    model: Names = _setting((), "model: Hub id, folder, .gguf file or alias", otherwise="all", short="-m")
    name: str | None = _setting(None, "name of the model in the store, if other weights have its folder's name")
    extraction: Names = _setting((), "extraction by (the start of) its id", otherwise="the newest")
    emotion: Names = _setting((), "label to show", otherwise="all", short="-e")
    layer: Layers = _setting((), "layers, such as 0,3,5-8 or resid_pre; 0 is the embeddings", otherwise="all", metavar="LAYERS")
    pooling: Names = _setting((), "how tokens become one row: last, mean, word or content")
    recipe: str = _setting(DEFAULT, "named settings (emo info --recipes), or a .toml file with them", metavar="NAME")
    method: str = _setting("mean_difference", "how a direction is computed; whitened and logistic stand beside the default")
    reference: str = _setting("neutral", "label that directions are measured against, or `others`")
    over_layers: str = _setting(
        "resid_post",
        "layers that means over layers cover; resid_post: 1 to n_layers, resid_pre: 0 to n_layers - 1",
        tuple(LAYER_RANGES),
    )
    neutral: str = _setting("neutral", "the neutral label")
    controls: Names = _setting(
        ("words", "embeddings", "untrained"),
        "control that a run adds to the models; --no-controls adds none",
        ("words", "embeddings", "untrained"),
        otherwise="all three",
    )
    words: Path | None = _setting(
        None, "TOML file with the words of each label, for pooling word", otherwise="the list that ships", metavar="FILE"
    )
    revision: str | None = _setting(None, "branch, tag or commit on the Hub")
    device: str = _setting("auto", "where to compute", DEVICES)
    dtype: str = _setting("auto", "number format of the forward pass; auto is float32", DTYPES)
    bos: str = _setting("auto", "beginning-of-sequence token: once, always put first, or never", BOS_RULES)
    strategy: str = _setting(
        "auto",
        "how prompts are packed; auto is the first exact strategy, and a named strategy must be exact",
        ("auto", "tree", "sorted", "single"),
    )
    attention: str = _setting(
        "auto", "kernel of attention; auto is what transformers chooses for the model, flex needs a compiler", tuple(ATTENTIONS)
    )
    batch_tokens: int | None = _setting(None, "most tokens in a batch", otherwise="1024 on a CPU and 8192 elsewhere")
    max_length: int | None = _setting(None, "longest prompt in tokens; longer ones are an error")
    truncate: bool = _setting(False, "cut longer prompts instead, and say how many")
    chat_template: bool = _setting(False, "wrap each prompt as a user turn")
    trust_remote_code: bool = _setting(False, "run code that comes with a model")
    seed: int = _setting(0, "seed of permutations")
    draws: int = _setting(1000, "draws from each null")
    all_layers: bool = _setting(False, "compare every layer of one model with every layer of the other")
    subspaces: bool = _setting(False, "compare subspaces of activations, too")
    lang: str = _setting("en", "language of the report", ("en", "ja"))
    phase: str = _setting("phase3", "parameter `phase` of the MLflow run")
    task: str = _setting("emotion_vectors_extraction", "parameter `task` of the MLflow run")
    cache: Path = _setting(
        Path(platformdirs.user_cache_dir("emo")), "folder of converted models", otherwise="the user's cache folder", metavar="DIR"
    )
    store: Path = _setting(Path("store"), "folder of the store", metavar="DIR")
    sources: Mapping[str, str] = field(default_factory=dict, metadata={"doc": "where each setting came from"})


SETTINGS = {declared.name: declared for declared in fields(Settings) if declared.name != "sources"}
TYPES = typing.get_type_hints(Settings)


def flag_of(name: str) -> str:
    """A setting's option on a command line."""
    return f"--{name.replace('_', '-')}"


def as_options(settings: Settings, names: Iterable[str]) -> str:
    """Settings as options behind a command: ` -d extended -e anger`; those that are as they are without options are left out."""
    options = []
    for name in names:
        value = getattr(settings, name)
        if name in settings.sources or value != SETTINGS[name].default:
            values = value if TYPES[name] == Names else [",".join(map(str, value))] if TYPES[name] == Layers else [value]
            options += [f" {SETTINGS[name].metadata['short'] or flag_of(name)} {shlex.quote(str(part))}" for part in values]
    return "".join(options)


def resolve(flags: Mapping[str, Any], *, environment: Mapping[str, str] | None = None, folder: Path | None = None) -> Settings:
    """The settings of a run; UsageError naming the flag, variable or file of a wrong one.

    A flag that is None or empty was not given; False and 0 are values. Files are read in `folder`, the current one by default.
    """
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    folder = folder or Path.cwd()
    given = _from_files(folder) + _from_environment(os.environ if environment is None else environment)
    flagged = {name: value for name, value in flags.items() if value is not None and value not in ((), [])}
    given += [(flag_of(name), name, value) for name, value in flagged.items()]
    asked = next(((source, value) for source, name, value in reversed(given) if name == "recipe"), ("--recipe", DEFAULT))
    recipe = find(*asked, recipes_in(folder))
    for source, name, value in _from_recipe(recipe) + given:
        values[name], sources[name] = _checked(source, name, value), source
    return replace(Settings(), **values, sources=sources)


def parse_layers(source: str, text: str) -> Layers:
    """Layers of a list like `3,5-8` or `0,resid_post`, distinct; numbers first, sorted."""
    numbers: set[int] = set()
    names: list[str] = []
    for item in map(str.strip, text.split(",")):
        first, dash, last = item.partition("-")
        if item in LAYER_RANGES:
            names.append(item)
            continue
        if not first.isdecimal() or (dash and not last.isdecimal()) or (dash and int(last) < int(first)):
            raise UsageError(
                f"{source}: {item!r} is not a layer, a range of layers or one of {', '.join(LAYER_RANGES)}",
                hint=f"{source} 0,3,5-8",
            )
        numbers.update(range(int(first), int(last if dash else first) + 1))
    return (*sorted(numbers), *dict.fromkeys(names))


def layer_numbers(layers: Layers, n_layers: int | None) -> list[int]:
    """The layers meant in a model of that many blocks, sorted; UsageError for a named range where the depth is unknown."""
    named = [layer for layer in layers if isinstance(layer, str)]
    if named and n_layers is None:
        raise UsageError(f"the model's depth is unknown, so {named[0]} does not say which layers", hint="--layer 0-11")
    numbers = {layer for layer in layers if isinstance(layer, int)}
    return sorted(numbers.union(*(LAYER_RANGES[name](n_layers or 0) for name in named)))


def recipes_in(folder: Path) -> dict[str, Recipe]:
    """The user's recipes in the settings files of a folder, by name."""
    return {
        name: recipe
        for path, table in _tables(folder)
        if isinstance(table.get("recipe"), dict)
        for name, recipe in recipes_of(table["recipe"], path.name).items()
    }


def _from_recipe(recipe: Recipe) -> list[tuple[str, str, Any]]:
    source = f"recipe {recipe.name}"
    for name in recipe.values:
        if name not in SETTINGS or name in NOT_IN_RECIPES:
            allowed = [known for known in SETTINGS if known not in NOT_IN_RECIPES]
            message = f"{source} ({recipe.source}): it cannot set {name!r}; a recipe sets {', '.join(allowed)}"
            raise UsageError(message + did_you_mean(name, allowed), hint="emo info --recipes")
    return [(source, name, value) for name, value in recipe.values.items()]


def _from_environment(environment: Mapping[str, str]) -> list[tuple[str, str, Any]]:
    known = {f"EMO_{name.upper()}": name for name in SETTINGS}
    for variable in environment:
        if variable.startswith("EMO_") and variable not in known:
            message = f"{variable}: no such setting; settings are {', '.join(known)}"
            raise UsageError(message + did_you_mean(variable, known), hint=f"unset {variable}")
    return [(variable, name, environment[variable]) for variable, name in known.items() if environment.get(variable)]


def _from_files(folder: Path) -> list[tuple[str, str, Any]]:
    given: list[tuple[str, str, Any]] = []
    for path, table in _tables(folder):
        for name, value in table.items():
            if name not in SETTINGS:
                message = f"{path.name}: no setting is called {name!r}; settings are {', '.join(SETTINGS)}"
                raise UsageError(message + did_you_mean(name, SETTINGS), hint="emo info")
            if name != "recipe" or not isinstance(value, dict):
                given.append((path.name, name, value))
    return given


def _tables(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    """The tables of settings in the files of a folder, the last one counting most."""
    tables = []
    for path, inside in ((folder / "pyproject.toml", ("tool", "emo")), (folder / "emo.toml", ())):
        if not path.is_file():
            continue
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            raise UsageError(f"{path.name}: not readable as TOML: {error}") from error
        for key in inside:
            table = table.get(key, {})
        tables.append((path, table))
    return tables


def _checked(source: str, name: str, value: Any) -> Any:
    try:
        parsed = _PARSERS[TYPES[name]](source, value)
    except (TypeError, ValueError):
        problem = f"invalid value {value!r} for {name} ({source}): {SETTINGS[name].metadata['doc']}"
        raise UsageError(problem, hint=_example(source, name)) from None
    choices = SETTINGS[name].metadata["choices"]
    wrong = [item for item in (parsed if isinstance(parsed, tuple) else (parsed,)) if choices and item not in choices]
    if wrong:
        raise unknown(source, wrong[0], choices, hint="emo info")
    if name in LEAST and isinstance(parsed, int) and parsed < LEAST[name]:
        problem = f"{source}: {value} is too small for {name}; the smallest value is {LEAST[name]}"
        raise UsageError(problem, hint=f"{flag_of(name)} {LEAST[name]}")
    return parsed


def _example(source: str, name: str) -> str:
    """A value that the setting may have, as it is written in that place."""
    default = SETTINGS[name].default
    value = (
        str(default).lower() if isinstance(default, bool) else str(LEAST.get(name, "...") if default in (None, ()) else default)
    )
    if source.startswith("--"):
        return f"{source} {value}"
    if source.startswith("EMO_"):
        return f"{source}={value}"
    written = value if isinstance(default, bool | int) or name in LEAST else f'"{value}"'
    return f"in {source}: {name} = {written}"


def _names(source: str, value: Any) -> Names:
    items = value.split(",") if isinstance(value, str) else value
    if not all(isinstance(item, str) for item in items):
        raise TypeError
    names = tuple(dict.fromkeys(item.strip() for item in items if item.strip()))
    if items and not names:
        # as nothing would stand for everything
        raise UsageError(f"{source}: no name is given", hint="emo info shows what each setting is")
    return names


def _layers(source: str, value: Any) -> Layers:
    texts = [value] if isinstance(value, (str, int)) else value
    return parse_layers(source, ",".join(map(str, texts)))


def _flag(source: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if str(value).lower() not in words:
        raise ValueError
    return words[str(value).lower()]


def _number(source: str, value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    return int(value)


def _text(source: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


_PARSERS: dict[Any, Callable[[str, Any], Any]] = {
    Path: lambda source, value: Path(value).expanduser(),
    Names: _names,
    Layers: _layers,
    bool: _flag,
    int: _number,
    int | None: _number,
    str: _text,
    str | None: _text,
    Path | None: lambda source, value: Path(value).expanduser(),
}
