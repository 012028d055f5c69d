"""The OpenAI client under one of two instrumentations: `genai` (OpenTelemetry's own) or `openinference`. Prints what was sent, as JSON."""
import json
import sys

import openai

import telemetry

TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "Get the weather in a city.", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]


def instrument(app, provider):
    if app == "genai":
        from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
    else:
        from openinference.instrumentation.openai import OpenAIInstrumentor
    OpenAIInstrumentor().instrument(tracer_provider=provider)


def main(app):
    provider, note = telemetry.set_up(app)
    instrument(app, provider)
    client = openai.OpenAI(base_url=telemetry.model_url(app), api_key="none", max_retries=0)
    system = {"role": "system", "content": "You are a terse assistant."}

    def ask(text, **more):
        return client.chat.completions.create(model="gpt-4o-mini", messages=[system, {"role": "user", "content": text}], **more)

    ask("What is the capital of France?", temperature=0.25, max_tokens=64)
    for _ in ask("Tell me in small pieces, please.", stream=True, stream_options={"include_usage": True}):
        pass
    ask("[cached] And of Spain?")
    with provider.get_tracer("app").start_as_current_span("weather"):
        question = {"role": "user", "content": "What is the weather in Leeds and Bristol?"}
        first = client.chat.completions.create(model="gpt-4o-mini", messages=[system, question], tools=TOOLS).choices[0].message
        results = [{"role": "tool", "tool_call_id": call.id, "content": f"mild in {json.loads(call.function.arguments)['city']}"} for call in first.tool_calls]
        client.chat.completions.create(model="gpt-4o-mini", messages=[system, question, first.model_dump(exclude_none=True), *results], tools=TOOLS)
    client.embeddings.create(model="text-embedding-3-small", input=["cargo bike", "electric"])
    try:
        ask("TRIGGER_429 please")
        raise SystemExit("the model server let it pass")
    except openai.RateLimitError:
        pass
    provider.shutdown()
    print(json.dumps({"n_spans": len(note.spans), "trace_ids": sorted({f"{s.trace_id:032x}" for s in note.spans})}))


main(sys.argv[1])
