"""A real engine (llama.cpp by ``xllamacpp``) with a tiny random model, on loopback.

The model says nonsense; its tokens, its cache and its wire are real. Needs the extra
``engine``: `available` says what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WINDOW = 16_384
_WIDTH, _FF, _LAYERS, _HEADS = 64, 128, 2, 4


def available() -> str:
    """Empty when the engine can run, else the reason to skip."""
    try:
        import gguf  # noqa: F401
        import xllamacpp  # noqa: F401
    except ImportError as exc:
        return f"needs pip install 'repoctx[engine]' ({exc})"
    return ""


def _byte_names() -> list[str]:
    """The printable name of each byte, as byte-level vocabularies spell it."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    names, extra = [], 256
    for byte in range(256):
        if byte in plain:
            names.append(chr(byte))
        else:
            names.append(chr(extra))
            extra += 1
    return names


def write_model(path: Path) -> None:
    """A llama with random weights (the same every time) and a byte vocabulary."""
    import gguf
    import numpy as np

    tokens = [*_byte_names(), "er", "<|end|>"]
    random = np.random.default_rng(7)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(WINDOW)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_FF)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([1] * (len(tokens) - 1) + [3])
    writer.add_token_merges(["e r"])
    writer.add_eos_token_id(len(tokens) - 1)
    writer.add_bos_token_id(len(tokens) - 1)
    writer.add_add_bos_token(False)

    def put(name: str, *shape: int) -> None:
        weights = random.normal(0, 0.05, shape) if len(shape) > 1 else np.ones(shape)
        writer.add_tensor(name, weights.astype(np.float32))

    put("token_embd.weight", len(tokens), _WIDTH)
    put("output.weight", len(tokens), _WIDTH)
    put("output_norm.weight", _WIDTH)
    for layer in range(_LAYERS):
        block = f"blk.{layer}"
        put(f"{block}.attn_norm.weight", _WIDTH)
        put(f"{block}.ffn_norm.weight", _WIDTH)
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            put(f"{block}.{part}.weight", _WIDTH, _WIDTH)
        put(f"{block}.ffn_gate.weight", _FF, _WIDTH)
        put(f"{block}.ffn_up.weight", _FF, _WIDTH)
        put(f"{block}.ffn_down.weight", _WIDTH, _FF)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The base URL of an engine that runs as long as the block."""
    import xllamacpp

    model = folder / "tiny.gguf"
    write_model(model)
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.n_ctx = WINDOW
    params.n_parallel = 1
    # Two threads that wait for each other by spinning stand still on a busy machine.
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.warmup = False
    server = xllamacpp.Server(params)
    yield f"{server.listening_address}/v1"
    del server
