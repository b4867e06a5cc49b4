"""The official Python clients and LiteLLM, with their own defaults, driven by lines of JSON.

A line asks for one call: {"client", "call", "url", …}. The line that answers says what the caller of
that client would hold: {"pictures": [base64, …], …} or {"error": {"class", "status", "code"}}.
"""

import base64
import json
import os
import sys
import tempfile
import urllib.request

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ["NO_PROXY"] = "127.0.0.1"


def openai_client(ask):
    import openai

    options = {}
    if "timeout_s" in ask:
        options["timeout"] = ask["timeout_s"]
    if "retries" in ask:
        options["max_retries"] = ask["retries"]
    return openai.OpenAI(api_key=ask.get("key", "k"), base_url=ask["url"], **options)


def pictures_of(answer):
    return {
        "pictures": [item.b64_json for item in answer.data or [] if item.b64_json],
        "usage": answer.usage.total_tokens if getattr(answer, "usage", None) else None,
    }


def openai_generate(ask):
    client = openai_client(ask)
    return pictures_of(client.images.generate(**ask["args"]))


def openai_edit(ask):
    client = openai_client(ask)
    images = [("image.png", base64.b64decode(image)) for image in ask["images"]]
    more = dict(ask["args"])
    if "mask" in ask:
        more["mask"] = ("mask.png", base64.b64decode(ask["mask"]))
    return pictures_of(client.images.edit(image=images, **more))


def openai_stream(ask):
    client = openai_client(ask)
    kinds, pictures = [], []
    for event in client.images.generate(stream=True, partial_images=1, **ask["args"]):
        kinds.append(type(event).__name__)
        if event.type.endswith(".completed"):
            pictures.append(event.b64_json)
    return {"pictures": pictures, "events": kinds}


def openai_background(ask):
    import time

    client = openai_client(ask)
    response = client.responses.create(
        model="gpt-5.2",
        input=ask["args"]["prompt"],
        background=True,
        tools=[{"type": "image_generation", "model": ask["args"]["model"]}],
    )
    if ask.get("cancel"):
        response = client.responses.cancel(response.id)
    seen = [response.status]
    while response.status in ("queued", "in_progress"):
        time.sleep(0.03)
        response = client.responses.retrieve(response.id)
        seen.append(response.status)
    calls = [item for item in response.output if item.type == "image_generation_call"]
    found = [call.result for call in calls if call.result]
    return {
        "pictures": found,
        "status": response.status,
        "seen": seen,
        "code": response.error.code if response.error else None,
    }


def openai_moderate(ask):
    result = openai_client(ask).moderations.create(input=ask["args"]["prompt"]).results[0]
    return {"pictures": [], "flagged": result.flagged}


def replicate_client(ask):
    import replicate

    # This client adds /v1 itself.
    return replicate.Client(api_token="r8_k", base_url=ask["url"].removesuffix("/v1"))


def fetched(output):
    """What a caller does with an output: read the file, or fetch the address."""
    items = output if isinstance(output, list) else [output]
    pictures = []
    for item in items:
        if item is None:
            continue
        if hasattr(item, "read"):
            data = item.read()
        else:
            with urllib.request.urlopen(str(item)) as answer:
                data = answer.read()
        pictures.append(base64.b64encode(data).decode())
    return pictures


def replicate_run(ask):
    # Its file objects wrap https addresses alone; http ones come as text and are fetched here.
    output = replicate_client(ask).run(ask["model"], input=ask["args"])
    return {"pictures": fetched(output), "null": output is None}


def replicate_poll(ask):
    client = replicate_client(ask)
    prediction = client.predictions.create(model=ask["model"], input=ask["args"], wait=False)
    if ask.get("cancel"):
        prediction.cancel()
    prediction.wait()
    listed = [found.id for found in client.predictions.list().results]
    return {
        "pictures": fetched(prediction.output),
        "status": prediction.status,
        "listed": prediction.id in listed,
    }


def replicate_upload(ask):
    client = replicate_client(ask)
    given = dict(ask["args"])
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        file.write(base64.b64decode(ask["images"][0]))
        file.flush()
        # The client uploads what it knows to be a file; a temporary file is not.
        with open(file.name, "rb") as opened:
            given["image"] = opened
            output = client.run(ask["model"], input=given)
    return {"pictures": fetched(output)}


def litellm_image(ask):
    import litellm

    litellm.suppress_debug_info = True
    litellm.telemetry = False
    more = {"timeout": ask["timeout_s"]} if "timeout_s" in ask else {}
    answer = litellm.image_generation(
        model=ask["model"], api_base=ask["url"], api_key="k", **more, **ask["args"]
    )
    return {"pictures": [item.b64_json for item in answer.data or [] if item.b64_json]}


def litellm_router(ask):
    import litellm

    litellm.suppress_debug_info = True
    litellm.telemetry = False
    params = {"model": ask["model"], "api_base": ask["url"], "api_key": "k"}
    if "timeout_s" in ask:
        params["timeout"] = ask["timeout_s"]
    router = litellm.Router(model_list=[{"model_name": "picture", "litellm_params": params}])
    answer = router.image_generation(model="picture", **ask["args"])
    return {"pictures": [item.b64_json for item in answer.data or [] if item.b64_json]}


CALLS = {
    "openai.generate": openai_generate,
    "openai.edit": openai_edit,
    "openai.stream": openai_stream,
    "openai.background": openai_background,
    "openai.moderate": openai_moderate,
    "replicate.run": replicate_run,
    "replicate.poll": replicate_poll,
    "replicate.upload": replicate_upload,
    "litellm.image": litellm_image,
    "litellm.router": litellm_router,
}


def problem(error):
    """The class a caller would catch, with what it says beside its text."""
    code = getattr(error, "code", None)
    return {
        "class": type(error).__name__,
        "status": getattr(error, "status_code", None) or getattr(error, "status", None),
        "code": code if isinstance(code, str) else None,
        "request_id": getattr(error, "request_id", None),
        "text": str(error)[:300],
    }


def main():
    # What the clients print is no answer of ours.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        ask = json.loads(line)
        try:
            answer = CALLS[ask["call"]](ask)
        except Exception as error:  # every class is an answer here
            answer = {"pictures": [], "error": problem(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


main()
