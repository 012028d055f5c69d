"""An agent of pydantic-ai with a tool, traced by pydantic-ai itself. Prints what was sent, as JSON."""
import json

from openai import AsyncOpenAI
from pydantic_ai import Agent, InstrumentationSettings
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

import telemetry

provider, note = telemetry.set_up("pydantic")
client = AsyncOpenAI(base_url=telemetry.model_url("pydantic"), api_key="none", max_retries=0)
model = OpenAIChatModel("gpt-4o-mini", provider=OpenAIProvider(openai_client=client))
Agent.instrument_all(InstrumentationSettings(tracer_provider=provider, include_content=True))
agent = Agent(model, name="weather_agent", instructions="You are a terse assistant.")


@agent.tool_plain
def get_weather(city: str) -> str:
    """Get the weather in a city."""
    return f"mild in {city}"


agent.run_sync("What is the capital of France?")
agent.run_sync("What is the weather in Leeds and Glasgow?")
try:
    agent.run_sync("TRIGGER_429 please")
    raise SystemExit("the model server let it pass")
except ModelHTTPError:
    pass
provider.shutdown()
print(json.dumps({"n_spans": len(note.spans), "trace_ids": sorted({f"{s.trace_id:032x}" for s in note.spans})}))
