"""The OpenTelemetry SDK as an app sets it up, and a note of every span that it hands to its exporter."""
import os

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


class Note(SpanProcessor):
    def __init__(self):
        self.spans = []

    def on_end(self, span):
        if span.context.trace_flags.sampled:
            self.spans.append(span.context)


def exporter():
    endpoint = os.environ["SDK_ENDPOINT"]
    if os.environ["SDK_PROTOCOL"] == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import Compression, OTLPSpanExporter
        return OTLPSpanExporter(endpoint=f"http://{endpoint}", insecure=True, compression=Compression.Gzip)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import Compression, OTLPSpanExporter
    return OTLPSpanExporter(endpoint=f"http://{endpoint}/v1/traces", compression=Compression.Gzip)


def set_up(app):
    """Returns the provider and the note."""
    provider = TracerProvider(resource=Resource.create({
        "service.name": f"sdk-{app}", "service.version": "1.0.0", "deployment.environment.name": "test"}))
    note = Note()
    provider.add_span_processor(note)
    provider.add_span_processor(BatchSpanProcessor(exporter()))
    trace.set_tracer_provider(provider)
    return provider, note


def model_url(app):
    return f"http://127.0.0.1:{os.environ['SDK_MODEL_PORT']}/{app}/v1"
