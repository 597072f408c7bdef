"""How messages say numbers of things."""


def counted(number: int, thing: str) -> str:
    """A number with its noun, in the singular for one: `1 prompt`, `1,200 prompts`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
