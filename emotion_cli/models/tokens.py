"""Texts as token ids: the BOS rule, the chat template and the length limit are applied here and nowhere else."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from emotion_cli.errors import EmoError, UsageError, short_of_memory
from emotion_cli.wording import counted

if TYPE_CHECKING:
    from emotion_cli.models.loaded import LoadedModel

TEMPLATE_PROBE = "The kettle is on."
"""Any text would do."""

TEXTS_AT_ONCE = 4096
"""Texts in one call of a tokenizer, which keeps far more of each than its ids."""


Spans = Sequence[Sequence[tuple[int, int]]]
"""Characters of each text: the index of the first, and one past the last."""


class Marks(NamedTuple):
    """Positions of one prompt's tokens that poolings read: those of its label's words, and those of its last word."""

    word: Sequence[int] = ()
    content: Sequence[int] = ()


class Tokens(NamedTuple):
    """Token ids of each prompt, BOS included, the indices of the prompts that were cut, and the positions of their words.

    `words` and `content` hold, for each prompt, the positions of the tokens that overlap one of its spans; empty where none
    were asked for.
    """

    ids: list[list[int]]
    truncated: list[int]
    words: list[list[int]]
    content: list[list[int]]

    def marks(self, places: Iterable[int]) -> list[Marks]:
        """What poolings read of the prompts at these places."""
        return [Marks(self.words[place], self.content[place]) for place in places]


def tokenize(
    loaded: "LoadedModel",
    texts: Sequence[str],
    *,
    bos: str = "auto",
    chat_template: bool = False,
    max_length: int | None = None,
    truncate: bool = False,
    spans: Spans | None = None,
    content: Spans | None = None,
) -> Tokens:
    """Ids of each text; UsageError naming texts that are too long (tokens, BOS included), empty, or begin with BOS twice.

    `spans` are the characters of each text whose tokens are to be found; `content` are others, found likewise.
    """
    sought = [found for found in (spans, content) if found is not None]
    tokenizer = loaded.tokenizer
    plain = texts
    if chat_template:
        texts = wrapped(tokenizer, loaded.source.name, texts)
    if sought and not tokenizer.is_fast:
        raise UsageError(
            f"{loaded.source.name}: its tokenizer does not say which characters a token stands for",
            hint="--pooling last, or a model with a tokenizer.json",
        )
    starts = starts_of(plain, texts) if sought else []
    ids: list[list[int]] = []
    marked: list[list[list[int]]] = [[] for _ in sought]
    kept: dict[int, int] = {}
    for begin in range(0, len(texts), TEXTS_AT_ONCE):
        some = slice(begin, begin + TEXTS_AT_ONCE)
        try:
            encoded = tokenizer(list(texts[some]), add_special_tokens=False, return_offsets_mapping=bool(sought))
        except MemoryError as error:
            raise short_of_memory(f"the tokenizer of {loaded.source.name}", error) from error
        except Exception as error:  # the library below raises errors of no kind of its own
            raise EmoError(
                f"{loaded.source.name}: its tokenizer fails on these texts: {error}",
                hint="save the tokenizer again with save_pretrained, or fetch it again",
            ) from error
        # equal numbers are one object: rows of their own take three times the memory
        ids += [[kept.setdefault(token, token) for token in row] for row in encoded["input_ids"]]
        for positions, read in zip(marked, sought, strict=True):
            positions += [
                _overlapping(offsets, [(start + a, start + b) for a, b in of_text])
                for offsets, of_text, start in zip(encoded["offset_mapping"], read[some], starts[some], strict=True)
            ]
    without_bos = ids
    first = first_token(loaded)
    lost = loaded.bos_of_config if first is None else None
    if bos == "auto" and lost is not None:
        raise UsageError(
            f"{loaded.source.name}: config.json says that token {lost} begins a text, and its tokenizer has neither BOS nor EOS",
            hint="restore its tokenizer_config.json, or --bos never",
        )
    if bos == "always" and first is None:
        raise UsageError(f"{loaded.source.name} has neither a BOS nor an EOS token", hint="--bos never")
    if bos != "never" and first is not None:
        ids = [row if bos == "auto" and row[:1] == [first] else [first, *row] for row in ids]
        doubled = [text for text, row in zip(texts, ids, strict=True) if row[:2] == [first, first]]
        if doubled:
            raise UsageError(f"BOS is repeated at the start of {_named(doubled)}", hint="--bos auto")
    empty = [text for text, row in zip(texts, ids, strict=True) if not row]
    if empty:
        raise UsageError(f"no token is left of {_named(empty)}", hint="--bos always")
    limit = min((n for n in (max_length, loaded.max_positions) if n), default=None)
    long = [i for i, row in enumerate(ids) if limit and len(row) > limit]
    if long and not truncate:
        hint = _hint_for_long(max(map(len, ids)), max_length, loaded.max_positions)
        raise UsageError(f"longer than {limit} tokens: {_named([texts[i] for i in long])}", hint=hint)
    # what was put first moves the rest
    moved = [len(row) - len(bare) for row, bare in zip(ids, without_bos, strict=True)]
    cut = ids if not limit else [row if len(row) <= limit else row[:limit] for row in ids]
    found = iter(
        [
            [
                [position + by for position in read if position + by < len(row)]
                for read, by, row in zip(of, moved, cut, strict=True)
            ]
            for of in marked
        ]
    )
    words, last = (next(found) if wanted is not None else [[] for _ in ids] for wanted in (spans, content))
    return Tokens(cut, long, words, last)


def told_apart(loaded: "LoadedModel", ids: Sequence[Sequence[int]]) -> list[str]:
    """What a tokenizer loses, in sentences: how many texts become equal, how many words are unknown."""
    sentences = []
    equal = len(ids) - len({tuple(row) for row in ids})
    if equal:
        sentences.append(
            f"{equal} of {len(ids)} prompts have the same tokens as another one, so the model cannot tell them apart"
        )
    unknown = loaded.tokenizer.unk_token_id
    if unknown is not None and unknown not in (loaded.tokenizer.bos_token_id, loaded.tokenizer.eos_token_id):
        n_unknown, n_tokens = sum(list(row).count(unknown) for row in ids), sum(map(len, ids))
        if n_unknown:
            sentences.append(f"{n_unknown} of {n_tokens} tokens stand for words that the tokenizer does not know")
    return sentences


def _hint_for_long(longest: int, max_length: int | None, max_positions: int | None) -> str:
    fits = max_length is not None and max_length < longest and (not max_positions or longest <= max_positions)
    return f"--max-length {longest} reads them whole, --truncate cuts them" if fits else "--truncate cuts them"


def wrapped(tokenizer: Any, model: str, texts: Sequence[str]) -> list[str]:
    """Each text as the user's turn in the chat template; UsageError when the template fails, or a text is not left as it is."""
    template = tokenizer.chat_template
    if not template:
        raise UsageError(f"{model} has no chat template", hint="run again without --chat-template")
    if isinstance(template, dict) and "default" not in template:
        raise UsageError(
            f"{model} has several chat templates ({', '.join(template)}) and none is called default",
            hint="run again without --chat-template",
        )
    try:
        rendered = [
            tokenizer.apply_chat_template([{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True)
            for text in texts
        ]
    except MemoryError as error:
        raise short_of_memory(f"the chat template of {model}", error) from error
    except Exception as error:  # a template is a program that came with the model: it raises what it likes
        raise UsageError(
            f"{model}: the chat template fails: {type(error).__name__}: {error}", hint="run again without --chat-template"
        ) from error
    changed = [text for text, turn in zip(texts, rendered, strict=True) if text.strip() not in turn]
    if changed:
        # a template is tried on a text of ours before any prompt is read
        texts_shown = f"the text that it was tried on: {TEMPLATE_PROBE!r}" if changed == [TEMPLATE_PROBE] else _named(changed)
        raise UsageError(
            f"{model}: the chat template changes or leaves out {texts_shown}", hint="run again without --chat-template"
        )
    return rendered


def template_sha256(tokenizer: Any, model: str) -> str:
    """SHA-256 of a fixed text in the chat template, which may hold a date."""
    return hashlib.sha256(wrapped(tokenizer, model, [TEMPLATE_PROBE])[0].encode()).hexdigest()


def starts_of(plain: Sequence[str], texts: Sequence[str]) -> list[int]:
    """Where each prompt begins in the text that it was wrapped in (a template may strip it)."""
    return [
        text.find(prompt) if prompt in text else text.find(prompt.strip()) - (len(prompt) - len(prompt.lstrip()))
        for prompt, text in zip(plain, texts, strict=True)
    ]


def _overlapping(offsets: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]]) -> list[int]:
    return [i for i, (start, end) in enumerate(offsets) if any(start < stop and begin < end for begin, stop in spans)]


def first_token(loaded: "LoadedModel") -> int | None:
    """The id that is put first: BOS, else EOS, else None."""
    tokenizer = loaded.tokenizer
    return tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id


def _named(texts: Sequence[str]) -> str:
    shown = ", ".join(repr(text[:60]) for text in texts[:3])
    return f"{counted(len(texts), 'prompt')}: {shown}{' ...' if len(texts) > 3 else ''}"
