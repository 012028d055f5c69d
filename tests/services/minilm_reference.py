"""BERT's equations in numpy, double precision, on a sentence-transformers directory: vectors to hold the Rust ones against.

    python minilm_reference.py DIRECTORY          needs numpy, tokenizers (Hugging Face's own) and safetensors

The pipeline is sentence-transformers': tokenizer.json truncated at max_seq_length, BertModel, mean of the tokens, length 1. Padding is not needed,
each text is embedded alone.
"""
import json
import math
import pathlib
import sys

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

TEXTS = [
    "Refunds take 5 business days.",
    "You get your money back within a week.",
    "The harbour office opens at nine.",
    "Ünïcode, 漢字 and emoji 🙂: what is left of them?",
    "word " * 400,
]


def main(directory):
    directory = pathlib.Path(directory)
    config = json.loads((directory / "config.json").read_text())
    longest = json.loads((directory / "sentence_bert_config.json").read_text())["max_seq_length"]
    weights = {name: tensor.astype(np.float64) for name, tensor in load_file(directory / "model.safetensors").items() if tensor.dtype.kind == "f"}
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(longest)
    vectors = [embed(tokenizer.encode(text).ids, weights, config).tolist() for text in TEXTS]
    json.dump({"texts": TEXTS, "vectors": [[round(x, 7) for x in vector] for vector in vectors]}, sys.stdout, ensure_ascii=False)


def embed(ids, weights, config):
    heads, eps = config["num_attention_heads"], config["layer_norm_eps"]

    def linear(x, name):
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(x, name):
        x = x - x.mean(-1, keepdims=True)
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    of = "embeddings"
    x = weights[f"{of}.word_embeddings.weight"][ids] + weights[f"{of}.position_embeddings.weight"][: len(ids)]
    x = norm(x + weights[f"{of}.token_type_embeddings.weight"][0], f"{of}.LayerNorm")
    gelu = np.vectorize(lambda v: v * 0.5 * (1 + math.erf(v / math.sqrt(2))))
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{number}"
        split = lambda name: linear(x, f"{layer}.attention.self.{name}").reshape(len(ids), heads, -1).transpose(1, 0, 2)
        query, key, value = split("query"), split("key"), split("value")
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (scores / scores.sum(-1, keepdims=True) @ value).transpose(1, 0, 2).reshape(len(ids), -1)
        x = norm(linear(mixed, f"{layer}.attention.output.dense") + x, f"{layer}.attention.output.LayerNorm")
        inner = gelu(linear(x, f"{layer}.intermediate.dense"))
        x = norm(linear(inner, f"{layer}.output.dense") + x, f"{layer}.output.LayerNorm")
    vector = x.mean(0)
    return vector / np.linalg.norm(vector)


main(sys.argv[1])
