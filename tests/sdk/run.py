"""Runs the three apps against a model server of their own and prints one JSON line: what each sent, and what the model server answered it."""
import json
import os
import subprocess
import sys
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
APPS = [("genai", "grpc", ["app_openai.py", "genai"]), ("openinference", "http", ["app_openai.py", "openinference"]), ("pydantic", "http", ["app_pydantic.py"])]


def main(grpc, http):
    server = subprocess.Popen([sys.executable, f"{HERE}/model_server.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    port = server.stdout.readline().strip()
    apps = []
    for app, protocol, command in APPS:
        env = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_") and not k.lower().endswith("_proxy")} | {
            "SDK_MODEL_PORT": port, "SDK_PROTOCOL": protocol, "SDK_ENDPOINT": grpc if protocol == "grpc" else http,
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "span_only", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
        done = subprocess.run([sys.executable, *command], cwd=HERE, env=env, stdout=subprocess.PIPE, text=True, timeout=120)
        if done.returncode != 0:
            raise SystemExit(f"{app} ended with {done.returncode}")
        apps.append({"app": app, "service": f"sdk-{app}", "protocol": protocol} | json.loads(done.stdout.strip().splitlines()[-1]))
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://127.0.0.1:{port}/log") as answer:
        log = json.load(answer)
    server.stdin.close()
    server.wait(10)
    for app in apps:
        app["calls"] = [{k: v for k, v in call.items() if k != "app"} for call in log if call["app"] == app["app"]]
    print(json.dumps({"apps": apps}))


main(*sys.argv[1:])
