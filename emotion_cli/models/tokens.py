"""Texts as token ids: the BOS rule, the chat template and the length limit are applied here and nowhere else."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from emotion_cli.errors import UsageError

if TYPE_CHECKING:
    from emotion_cli.models.loading import LoadedModel


class Tokens(NamedTuple):
    """Token ids of each prompt, BOS included, and the indices of the prompts that were cut."""

    ids: list[list[int]]
    truncated: list[int]


def tokenize(
    loaded: "LoadedModel",
    texts: Sequence[str],
    *,
    bos: str = "auto",
    chat_template: bool = False,
    max_length: int | None = None,
    truncate: bool = False,
) -> Tokens:
    """Ids of each text; UsageError naming texts that are too long (tokens, BOS included), empty, or begin with BOS twice."""
    tokenizer = loaded.tokenizer
    if chat_template:
        if not tokenizer.chat_template:
            raise UsageError(f"{loaded.source.name} has no chat template", hint="run again without --chat-template")
        texts = [
            tokenizer.apply_chat_template([{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True)
            for text in texts
        ]
    ids = [list(row) for row in tokenizer(list(texts), add_special_tokens=False)["input_ids"]] if texts else []
    first = first_token(loaded)
    if bos == "always" and first is None:
        raise UsageError(f"{loaded.source.name} has neither a BOS nor an EOS token", hint="--bos never")
    if bos != "never" and first is not None:
        ids = [row if bos == "auto" and row[:1] == [first] else [first, *row] for row in ids]
        doubled = [text for text, row in zip(texts, ids, strict=True) if row[:2] == [first, first]]
        if doubled:
            raise UsageError(f"BOS stands twice at the start of {_named(doubled)}", hint="--bos auto")
    empty = [text for text, row in zip(texts, ids, strict=True) if not row]
    if empty:
        raise UsageError(f"no token is left of {_named(empty)}", hint="--bos always")
    limit = min((n for n in (max_length, loaded.max_positions) if n), default=None)
    long = [i for i, row in enumerate(ids) if limit and len(row) > limit]
    if long and not truncate:
        raise UsageError(f"longer than {limit} tokens: {_named([texts[i] for i in long])}", hint="--truncate cuts them")
    return Tokens([row[:limit] for row in ids], long)


def first_token(loaded: "LoadedModel") -> int | None:
    """The id that is put first: BOS, else EOS, else None."""
    tokenizer = loaded.tokenizer
    return tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id


def _named(texts: Sequence[str]) -> str:
    shown = ", ".join(repr(text[:60]) for text in texts[:3])
    return f"{len(texts)} prompts: {shown}{' ...' if len(texts) > 3 else ''}"
