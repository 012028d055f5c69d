# Reads a task on standard input, evaluates its code, prints {"value"} or {"error"} as the last line.
import json, sys, textwrap

task = json.load(sys.stdin)
context = {"vars": task["vars"], "prompt": task.get("prompt")}
code = task["code"].strip("\n")
try:
    scope = {}
    # As promptfoo: one line is an expression, more are a function's body.
    if "\n" in code:
        source = "def main(output, context):\n" + textwrap.indent(textwrap.dedent(code), "    ")
    else:
        source = "import json\ndef main(output, context):\n    return " + code.strip()
    exec(source, scope)
    print("\n" + json.dumps({"value": scope["main"](task["output"], context)}))
except Exception as error:
    print("\n" + json.dumps({"error": f"{type(error).__name__}: {error}"}))
