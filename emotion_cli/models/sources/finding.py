"""Resolves a model name (alias, GGUF file, folder or Hub id) and hashes the model, without torch."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotion_cli.errors import MissingError, UsageError
from emotion_cli.models.sources import embedded, fingerprint
from emotion_cli.models.sources.controls import (
    WORDS,
    Control,
    control_of,
    hash_of,
    hashes_of_words,
    kind_of,
    refuse_as_name,
)
from emotion_cli.models.sources.gguf import CONVERSION_VERSION, converted_folder
from emotion_cli.models.sources.headers import safetensors_header
from emotion_cli.models.sources.weights import refuse_adapter

if TYPE_CHECKING:
    pass


NOT_DOWNLOADED = [*(f"*{ending}" for ending in fingerprint.NOT_READ), "original/*", "onnx/*"]
"""Files on the Hub that loading does not read."""


@dataclass(frozen=True)
class ModelSource:
    """A model that was found but not loaded: its name in the store, where it is, the content hashes of weights and tokenizer.

    `given` is what it was called on the command line, `cache` where hashes and converted copies are kept.
    """

    name: str
    folder: Path
    revision: str | None
    weights_sha256: str
    tokenizer_sha256: str
    given: str
    cache: Path
    gguf: Path | None = None
    base: "ModelSource | None" = None
    """Of a control, the model that it is made of."""

    @property
    def kind(self) -> str | None:
        """The kind of control that it is; None for a model."""
        return kind_of(self.name)

    @property
    def hashes(self) -> tuple[str, str]:
        """Its identity: the hashes of weights and tokenizer."""
        return self.weights_sha256, self.tokenizer_sha256


def find(
    given: str,
    *,
    cache: Path,
    name: str | None = None,
    revision: str | None = None,
    notify: Callable[[str], None] = lambda _: None,
) -> ModelSource:
    """The model that `given` names: an alias, a .gguf file, a folder, else a Hub id; MissingError when it is not there.

    `name` is what to call it in the store; else the alias, the Hub id, or the name of the folder or file. Of a control that
    is made of a model, it is what to call that model.
    """
    refuse_as_name(name)
    control = control_of(given)
    if control and control.kind == WORDS:
        return ModelSource(given, Path(), None, *hashes_of_words(control), given, cache)
    if control:
        return of_control(control, find(control.of, cache=cache, name=name, revision=revision, notify=notify))
    path = Path(given)
    if given in embedded.EMBEDDED or path.suffix == ".gguf":
        gguf = embedded.locate(given, cache) if given in embedded.EMBEDDED else path
        if not gguf.is_file():
            raise MissingError(f"{gguf}: no such GGUF file", hint="emo models list")
        digest = fingerprint.file_sha256(gguf, cache)
        # the conversion makes both, so a changed one is another tokenizer over the same weights
        conversion = hashlib.sha256(f"{digest} v{CONVERSION_VERSION}".encode()).hexdigest()
        alias = given if given in embedded.EMBEDDED else gguf.stem
        return ModelSource(name or alias, converted_folder(digest, cache), None, digest, conversion, given, cache, gguf)
    if path.is_dir():
        folder, revision, usual = path, None, path.resolve().name
    else:
        folder, usual = _download(given, revision, notify), given
        revision = folder.name
    _refuse_unreadable(folder)
    weights, tokenizer = fingerprint.weights_sha256(folder, cache), fingerprint.tokenizer_sha256(folder, cache)
    return ModelSource(name or usual, folder, revision, weights, tokenizer, given, cache)


def of_control(control: Control, base: ModelSource) -> ModelSource:
    """The source of a control that is made of a model; its files are the model's. UsageError for one of another control."""
    if base.kind:
        raise UsageError(f"{control.name}: a control is made of a model, not of another control", hint="emo models list")
    name, given = (f"{control.kind}:{of}" for of in (base.name, base.given))
    return replace(base, name=name, weights_sha256=hash_of(control.kind, base.hashes), given=given, base=base)


def _refuse_unreadable(folder: Path) -> None:
    """Refuse a faulty model folder before anything is hashed or loaded."""
    refuse_adapter(folder)
    try:
        config = json.loads((folder / fingerprint.CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MissingError(
            f"{folder}: no readable config.json: not a model folder ({error})",
            hint="save the model with save_pretrained, or see: emo models list",
        ) from error
    if not any(folder.glob("*.safetensors")):
        raise MissingError(
            f"{folder}: no .safetensors weights; other formats are not read because loading them can run code",
            hint="save the model again with save_pretrained(..., safe_serialization=True)",
        )
    for file in sorted(folder.glob("*.safetensors")):
        safetensors_header(file)
    elsewhere = sorted(code for code in _auto_map(config) if "--" in code)
    if elsewhere:
        raise UsageError(
            f"{folder}: config.json takes code from another repository ({elsewhere[0]}), which could change unseen",
            hint="copy that code into the folder, and its names into auto_map",
        )


def _auto_map(config: Any) -> list[str]:
    """The code that a config names, as `file.Class`, or `repository--file.Class`."""
    entries = config.get("auto_map") if isinstance(config, dict) else None
    return [code for code in entries.values() if isinstance(code, str)] if isinstance(entries, dict) else []


def _download(name: str, revision: str | None, notify: Callable[[str], None]) -> Path:
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        try:
            return Path(
                huggingface_hub.snapshot_download(name, revision=revision, ignore_patterns=NOT_DOWNLOADED, local_files_only=True)
            )
        except LocalEntryNotFoundError:
            notify(f"downloading {name}")
            return Path(huggingface_hub.snapshot_download(name, revision=revision, ignore_patterns=NOT_DOWNLOADED))
    except HFValidationError as error:
        raise UsageError(f"{name!r} is not a folder, an alias or a Hub id: {error}", hint="emo models list") from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        known = ", ".join(embedded.EMBEDDED)
        raise MissingError(
            f"{name}: not found on this machine and could not be downloaded from the Hub; aliases are {known}",
            hint=f"hf download {name}",
        ) from error
