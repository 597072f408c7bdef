"""The examples of each command's help: what each does, and a command line that runs on the store of `make run`."""

from collections.abc import Mapping

EXAMPLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "": (
        ("What was found, on one screen", "emo show smollm2-135m"),
        ("One number of every layer", "emo sql direction_quality_by_layer -m smollm2-135m -e anger"),
    ),
    "run": (
        ("What would be done for one set under one model", "emo run -d baseline -m smollm2-135m --dry-run"),
        ("Do it, without controls and with few draws", "emo run -d baseline -m smollm2-135m --no-controls --draws 200"),
    ),
    "extract": (
        ("Activations of one set under one model", "emo extract -d baseline -m smollm2-135m"),
        ("What would be read", "emo extract -d baseline -m smollm2-135m --pooling mean --dry-run"),
    ),
    "vectors": (
        ("The best layer of each emotion", "emo vectors --best -d baseline -m smollm2-135m"),
        ("Directions against the other emotions", "emo vectors -d baseline --reference others"),
    ),
    "compare": (
        ("How alike emotions and models are", "emo compare -d baseline"),
        ("The pairs of one emotion", "emo compare -d baseline -m smollm2-135m -e anger"),
    ),
    "steer": (
        ("Add them at the best layer", "emo steer -d baseline -m smollm2-135m --alpha 0.1,0.2 --controls 39"),
        ("Texts to look at", "emo steer -d baseline -m smollm2-135m --write 1 --prefix 'Today I' --tokens 20 --alpha 0.1"),
    ),
    "patch": (
        ("Which layers matter, to first order", "emo patch -d baseline -m smollm2-135m"),
        ("Carry states at two layers", "emo patch -d baseline -m smollm2-135m --layer 1-2 --positions -1 --real"),
    ),
    "plot": (
        ("All figures of one model", "emo plot -d baseline -m smollm2-135m"),
        ("Figures of one emotion at some layers", "emo plot -d baseline -m smollm2-135m -e anger --layer 1-2"),
    ),
    "report": (
        ("The report of everything", "emo report"),
        ("A page of one set in a file of your own", "emo report -d baseline -o baseline.html"),
    ),
    "track": (
        ("Log what is new to the database in the store", "emo track"),
        ("Log it under another phase", "emo track -d baseline --phase trial"),
    ),
    "show": (
        ("What was found in every model", "emo show"),
        ("The numbers of one model, for a program", "emo show smollm2-135m --format json"),
    ),
    "score": (
        ("A text, token by token", 'emo score -d baseline -m smollm2-135m --layer 2 "Thank you so much!"'),
        ("How good scores are on new texts", "emo score -d baseline -m smollm2-135m --layer 2 --on heldout -e anger"),
    ),
    "lens": (
        ("Whether directions point to their words", "emo lens -d baseline -m smollm2-135m --layer 2"),
        ("One emotion, for a program", "emo lens -d baseline -m smollm2-135m --layer 2 -e anger --format json"),
    ),
    "heads": (
        ("The largest parts at a layer", "emo heads -d baseline -m smollm2-135m --on heldout --layer 2"),
        ("All parts of one emotion", "emo heads -d baseline -m smollm2-135m --on heldout --layer 2 -e anger --format csv"),
    ),
    "sql": (
        ("A bundled query, filtered", "emo sql vector_norms_by_layer -m smollm2-135m -e anger --layer 1-2"),
        (
            "Your own SELECT with a parameter, into a file",
            'emo sql "select model, l2_norm from vectors where layer = $n" -p n=2 -o norms.csv',
        ),
    ),
    "tables": (
        ("What there is", "emo tables"),
        ("What the columns of a query mean", "emo tables best_layers_by_emotion"),
    ),
    "info": (
        ("Settings and where each comes from", "emo info"),
        ("The recipes, in full", "emo info --recipes --all"),
    ),
    "datasets": (
        ("The sets that there are", "emo datasets list"),
        ("The prompts of one", "emo datasets show heldout"),
    ),
    "datasets list": (
        ("The sets that there are", "emo datasets list"),
        ("Only names and sizes", "emo datasets list --columns dataset,prompts"),
    ),
    "datasets show": (
        ("The prompts of a set", "emo datasets show heldout"),
        ("All of them in a file", "emo datasets show heldout -o heldout.csv"),
    ),
    "datasets validate": (
        ("Check a file", "emo datasets validate mine.csv"),
        ("Check one whose columns have other names", "emo datasets validate posts.csv --text-column post --label-column mood"),
    ),
    "datasets import": (
        ("Import a file as a set", "emo datasets import mine.csv --dataset mine"),
        ("Import texts that only test directions", "emo datasets import mine.csv --dataset mine-test --role test"),
    ),
    "datasets audit": (
        ("Do words or lengths give the labels away?", "emo datasets audit baseline"),
        ("The numbers, for a program", "emo datasets audit baseline --format json"),
    ),
    "models": (
        ("The models that there are", "emo models list"),
        ("Is one of them read correctly?", "emo models check smollm2-135m"),
    ),
    "models list": (
        ("The models that there are", "emo models list"),
        ("Only names and checks", "emo models list --columns model,check"),
    ),
    "models check": (
        ("Is a model read correctly?", "emo models check smollm2-135m"),
        ("The checks in a file", "emo models check smollm2-135m -o checks.csv"),
    ),
    "import": (
        (
            "Activations that another engine made",
            "emo import activations.parquet --dataset theirs --model lab/model --create-dataset",
        ),
        ("Vectors that emo export wrote, into another store", "emo import exports/baseline/smollm2-135m/*.gguf --store another"),
    ),
    "export": (
        ("Vectors for Python", "emo export -d baseline -m smollm2-135m"),
        ("Control vectors for llama.cpp", "emo export -d baseline -m smollm2-135m --as gguf -e anger"),
    ),
    "catalog": (
        ("A file for any DuckDB client", "emo catalog --force"),
        ("One file that can be moved", "emo catalog copy.duckdb --materialize --force"),
    ),
    "verify": (
        ("Is the store intact?", "emo verify"),
        ("Put bad files aside", "emo verify --repair"),
    ),
    "rm": (
        ("What would be removed", "emo rm -d baseline -m smollm2-135m --dry-run"),
        ("Remove it without a question", "emo rm -d baseline -m smollm2-135m --yes"),
    ),
}
"""By the words after `emo`; a test runs them all."""
