"""Runs in a package's own environment: `package_worker.py NAME < work.json` prints the median processor seconds of a call."""

import contextlib
import importlib.metadata
import json
import os
import statistics
import sys
import time
from pathlib import Path

BATCH = 32


def emo(work):
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from bench.recipes import ours
    from emotion_cli.models.loading import load
    from emotion_cli.models.sources.finding import find
    from emotion_cli.settings import resolve

    loaded = load(find(work["model"], cache=resolve({}, folder=Path("/")).cache), device=work["device"])
    return lambda: ours(loaded, work["ids"])[0][:-1]


def transformer_lens(work):
    import torch
    from transformer_lens.model_bridge import TransformerBridge

    model, tokenizer = _causal(work)
    bridge = TransformerBridge.boot_transformers(work["folder"], hf_model=model, tokenizer=tokenizer, device=work["device"])
    names = [f"blocks.{k}.hook_resid_pre" for k in range(model.config.num_hidden_layers)]

    def call():
        rows = []
        with torch.inference_mode():
            for tokens, mask in _batches(work):
                _, cache = bridge.run_with_cache(tokens, attention_mask=mask, names_filter=lambda name: name in names)
                at, last = _ends(mask)
                rows.append(torch.stack([cache[name][at, last] for name in names]))
        return torch.cat(rows, 1).cpu()

    return call


def steering_vectors(work):
    import torch
    from steering_vectors import record_activations

    model = _model(work)

    def call():
        rows = []
        with torch.inference_mode():
            for tokens, mask in _batches(work):
                with record_activations(model, layer_type="decoder_block") as seen:
                    model(input_ids=tokens, attention_mask=mask)
                at, last = _ends(mask)
                rows.append(torch.stack([seen[k][0][at, last] for k in sorted(seen)]))
        return _after_blocks(torch.cat(rows, 1).cpu())

    return call


def repeng(work):
    import numpy as np
    from repeng.extract import batched_get_hiddens

    model, tokenizer = _causal(work)
    tokenizer.padding_side = "right"
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    # it takes texts: the first token that `emo` puts in front is put there as text
    first = tokenizer.bos_token or tokenizer.eos_token
    texts = [text if tokenizer(text)["input_ids"][0] == work["ids"][0][0] else first + text for text in work["texts"]]
    layers = list(range(model.config.num_hidden_layers))

    def call():
        states = batched_get_hiddens(model, tokenizer, texts, layers, BATCH)
        return _after_blocks(np.stack([states[k] for k in layers]))

    return call


def nnsight(work):
    import torch
    from nnsight import LanguageModel

    causal, tokenizer = _causal(work)
    model = LanguageModel(causal, tokenizer=tokenizer)
    n_layers = causal.config.num_hidden_layers

    def call():
        rows = []
        with torch.inference_mode():
            for tokens, mask in _batches(work):
                at, last = _ends(mask)
                seen = []
                with model.trace({"input_ids": tokens, "attention_mask": mask}):
                    kept = list().save()  # noqa: C408 (a literal cannot be saved)
                    for k in range(n_layers):
                        out = model.model.layers[k].output
                        kept.append((out[0] if isinstance(out, tuple) else out)[at, last])
                seen = list(kept)
                rows.append(torch.stack(seen))
        return _after_blocks(torch.cat(rows, 1).cpu())

    return call


def saklas(work):
    import torch
    from saklas.core import capture

    model, tokenizer = _causal(work)
    blocks = model.model.layers
    order = sorted(range(len(work["ids"])), key=lambda i: len(work["ids"][i]))
    size = capture._CAPTURE_BATCH_MAX

    def call():
        rows = []
        for start in range(0, len(order), size):
            members = [work["ids"][i] for i in order[start : start + size]]
            rendered = [(torch.tensor([row]), len(row) - 1) for row in members]
            seen = capture._encode_and_capture_all_batch(
                model,
                tokenizer,
                [""] * len(members),
                [""] * len(members),
                blocks,
                torch.device(work["device"]),
                rendered=rendered,
            )
            rows.append(torch.stack([seen[k] for k in sorted(seen)]))
        states = torch.cat(rows, 1).cpu()
        back = torch.empty_like(states)
        back[:, order] = states
        return _after_blocks(back)

    return call


def _causal(work):
    import transformers

    return _model(work), transformers.AutoTokenizer.from_pretrained(work["folder"])


def _model(work):
    import torch
    import transformers

    config = transformers.AutoConfig.from_pretrained(work["folder"])
    if int(transformers.__version__.split(".")[0]) < 5:
        # the folder is written by transformers 5; those before it leave its `rope_parameters` unread, and take a default
        rope = json.loads(Path(work["folder"], "config.json").read_text())["rope_parameters"]
        config.rope_theta = rope.get("full_attention", rope)["rope_theta"]
    model = transformers.AutoModelForCausalLM.from_pretrained(work["folder"], config=config, dtype=torch.float32)
    return model.eval().to(work["device"])


def _batches(work):
    import torch

    ids, device = work["ids"], work["device"]
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        width = max(map(len, batch))
        yield (
            torch.tensor([row + [0] * (width - len(row)) for row in batch], device=device),
            torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in batch], device=device),
        )


def _ends(mask):
    """Where the last token of each row is."""
    import torch

    return torch.arange(len(mask), device=mask.device), mask.sum(1) - 1


def _after_blocks(states):
    """States after each block but the last, and a first row that stands for the embeddings, which not all packages give."""
    return [None, *states[:-1]]


def main():
    name = sys.argv[1]
    work = json.load(sys.stdin)
    os.environ["OMP_NUM_THREADS"] = str(work["threads"])
    os.environ["HF_HUB_OFFLINE"] = "1"
    import numpy as np
    import torch

    torch.set_num_threads(work["threads"])
    with contextlib.redirect_stdout(sys.stderr):
        call = globals()[name.replace("-", "_")](work)
        seconds = []
        for _ in range(work["runs"]):
            started = time.process_time()
            states = call()
            seconds.append(time.process_time() - started)
        # the sum over states says whether they are the same states
        check = float(np.mean([np.linalg.norm(np.asarray(states[k], dtype=np.float64)) for k in range(1, len(states))]))
    print(json.dumps({"seconds": statistics.median(seconds), "version": importlib.metadata.version(name), "check": check}))


if __name__ == "__main__":
    main()
