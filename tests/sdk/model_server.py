"""A server that speaks OpenAI's wire format and answers the same way each time; no model, no outside connection.

Prints its port on the first line. POST /<app>/v1/chat/completions and /<app>/v1/embeddings answer; GET /log returns what was served, app by
app: the truth that the telemetry is held against. Words in the last user message steer it:
  "weather" with tools on offer -> one tool call a city     TRIGGER_429 -> 429     [cached] -> 1,024 of the input tokens were cached
"""
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOG, LOCK = [], threading.Lock()
CITIES = ["Leeds", "Bristol", "Glasgow"]


def text_of(message):
    content = message.get("content") or ""
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)


def answer(request):
    """Decides the message, why it ends, and the usage."""
    messages = request["messages"]
    asked = next((text_of(m) for m in reversed(messages) if m["role"] == "user"), "")
    wants_tool = "weather" in asked.lower() and request.get("tools") and messages[-1]["role"] != "tool"
    cached = 1024 if "[cached]" in asked else 0
    n_in = cached + sum(len(text_of(m)) // 4 + 4 for m in messages)
    if wants_tool:
        name = request["tools"][0]["function"]["name"]
        cities = [c for c in CITIES if c.lower() in asked.lower()] or CITIES[:1]
        message = {"role": "assistant", "content": None, "tool_calls": [
            {"id": f"call_{i}", "type": "function", "function": {"name": name, "arguments": json.dumps({"city": c})}} for i, c in enumerate(cities)]}
        n_out, reason = 12 * len(cities), "tool_calls"
    else:
        seen = [text_of(m) for m in messages if m["role"] == "tool"]
        text = f"It is {' and '.join(seen)}." if seen else f"You asked: {asked}"
        message = {"role": "assistant", "content": text}
        n_out, reason = len(text) // 4 + 1, "stop"
    usage = {"prompt_tokens": n_in, "completion_tokens": n_out, "total_tokens": n_in + n_out,
             "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
             "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0}}
    return asked, message, reason, usage


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send_json(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        with LOCK:
            self.send_json(200, LOG)

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        _, app, _, *what = self.path.split("/")
        entry = {"app": app, "request_model": request["model"], "streaming": bool(request.get("stream"))}
        if what == ["embeddings"]:
            self.embeddings(request, entry)
        elif what == ["chat", "completions"]:
            self.chat(request, entry)
        else:
            self.send_json(404, {"error": {"message": f"no {self.path} here", "type": "not_found"}})

    def record(self, entry):
        with LOCK:
            entry["response_id"] = f"chatcmpl-sdk-{len(LOG) + 1:04}" if entry["operation"] == "chat" and entry["status"] == "ok" else None
            LOG.append(entry)
        return entry["response_id"]

    def embeddings(self, request, entry):
        texts = request["input"] if isinstance(request["input"], list) else [request["input"]]
        n = sum(len(str(t)) // 4 + 1 for t in texts)
        self.record(entry | {"operation": "embeddings", "status": "ok", "response_model": request["model"], "input_tokens": n, "output_tokens": 0})
        self.send_json(200, {"object": "list", "model": request["model"], "usage": {"prompt_tokens": n, "total_tokens": n},
                             "data": [{"object": "embedding", "index": i, "embedding": [0.25, -0.5, 0.75]} for i in range(len(texts))]})

    def chat(self, request, entry):
        asked, message, reason, usage = answer(request)
        entry |= {"operation": "chat", "input_text": asked}
        if "TRIGGER_429" in asked:
            self.record(entry | {"status": "error"})
            self.send_json(429, {"error": {"message": "Rate limit reached for requests", "type": "requests", "code": "rate_limit_exceeded"}})
            return
        model = f"{request['model']}-2024-07-18"
        id_ = self.record(entry | {
            "status": "ok", "response_model": model, "output_text": message["content"], "finish_reason": reason,
            "input_tokens": usage["prompt_tokens"], "output_tokens": usage["completion_tokens"],
            "cache_read_tokens": usage["prompt_tokens_details"]["cached_tokens"],
            "tool_calls": [call["function"]["name"] for call in message.get("tool_calls", [])]})
        head = {"id": id_, "created": int(time.time()), "model": model, "system_fingerprint": "fp_sdk", "service_tier": "default"}
        if not request.get("stream"):
            self.send_json(200, head | {"object": "chat.completion", "usage": usage, "choices": [
                {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}]})
            return
        self.stream(head | {"object": "chat.completion.chunk"}, message, reason, usage)

    def stream(self, head, message, reason, usage):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        words = (message["content"] or "").split(" ")
        deltas = [{"role": "assistant", "content": ""}] + [{"content": w if i == 0 else " " + w} for i, w in enumerate(words)]
        if message.get("tool_calls"):
            deltas = [{"role": "assistant", "tool_calls": [{"index": i} | call for i, call in enumerate(message["tool_calls"])]}]
        chunks = [head | {"choices": [{"index": 0, "delta": d, "finish_reason": None}], "usage": None} for d in deltas]
        chunks += [head | {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": None}, head | {"choices": [], "usage": usage}]
        for chunk in chunks:
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
            self.wfile.flush()
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_address[1], flush=True)
# Ends with whoever started it: stdin is a pipe that closes then.
threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
server.serve_forever()
