"""The pages' code examples as cells: Python's with their blanks filled in and plain errors mended, Node.js' translated.

What was filled in or mended, example by example; nothing else was changed:

==================  ====================================================================================================
python
approve by mail     ``pd.send.email(`` and its ``)`` were lost in the page; ``${urls["…"]}`` is JavaScript's template
                    inside a Python f-string, with the string's own quotes inside it: ``{urls['…']}``
7 days              ``pd.flow.suspend(TIMEOUT)`` was lost (the Node.js page has it)
polling             ``MAX_RETRIES = 3`` and ``else:`` were lost (the Node.js page has both); the status' URL was left
                    blank; ``response.json().status`` is ``response.json()["status"]``
callback            ``requests.post(`` was lost: ``await"your callback URL"``; the URL is the service's
max retries         ``MAX_RETRIES = 3`` was lost; ``else if (…):`` is ``elif …:``
node
all                 ``$.flow`` is ``pd.flow``, ``$.context.run`` is ``pd.context["run"]``, ``null`` is ``None``,
                    ``throw new Error`` is ``raise Exception``, axios is requests, ``$.send`` is ``pd.send``
retry               OpenAI's address is the test's own service; the key comes with the event; ``axios`` throws
                    for every status but 2xx: ``raise_for_status()``
==================  ====================================================================================================

URLs come with the event: ``pd.steps["trigger"]["event"]``.
"""

PYTHON = {
    "approve by mail": """
def handler(pd: 'pipedream'):
    urls = pd.flow.suspend()
    pd.send.email(
      subject="Please approve this important workflow",
      text=f"Click here to approve the workflow: {urls['resume_url']}, and cancel here: {urls['cancel_url']}"
    )
    # Pipedream suspends your workflow at the end of the step
""",
    "7 days": """
def handler(pd: 'pipedream'):
    # 7 days
    TIMEOUT = 1000 * 60 * 60 * 24 * 7
    pd.flow.suspend(TIMEOUT)
""",
    "polling": """
import requests
def handler(pd: 'pipedream'):
  MAX_RETRIES = 3
  # 10 seconds
  DELAY = 1000 * 10
  run = pd.context['run']
  # starts at 1 and increments when the step is rerun
  if run['runs'] == 1:
    # pd.flow.rerun(delay, context (discussed below), max retries)
    pd.flow.rerun(DELAY, None, MAX_RETRIES)
  elif run['runs'] == MAX_RETRIES + 1:
    raise Exception("Max retries exceeded")
  else:
    # Poll external API for status
    response = requests.get(pd.steps["trigger"]["event"])
    # If we're done, continue with the rest of the workflow
    if response.json()["status"] == "DONE":
      return response.json()
    # Else retry later
    pd.flow.rerun(DELAY, None, MAX_RETRIES)
""",
    "callback": """
import requests
def handler(pd: 'pipedream'):
  TIMEOUT = 86400 * 1000
  run = pd.context['run']
  # pd.context['run']['runs'] starts at 1 and increments when the step is rerun
  if run['runs'] == 1:
    links = pd.flow.rerun(TIMEOUT, None, 1)
    # links contains a dictionary with two entries: resume_url and cancel_url
    # Send resume_url to external service
    requests.post(pd.steps["trigger"]["event"], json=links)
  # When the external service calls back into the resume_url, you have access to
  # the callback data within['callback_request']
  elif 'callback_request' in run:
    return run['callback_request']
""",
    "context": """
def handler(pd: 'pipedream'):
  run = pd.context['run']
  if run['runs'] == 1:
    pd.flow.rerun(1000, { "hello": "world" })
  else:
    return run['context']
""",
    "max retries": """
def handler(pd: 'pipedream'):
  MAX_RETRIES = 3
  run = pd.context['run']
  if run['runs'] == 1:
    pd.flow.rerun(1000, None, MAX_RETRIES)
  elif run['runs'] == MAX_RETRIES + 1:
    raise Exception("Max retries exceeded")
""",
}

NODE = {
    "approve by mail": """
def handler(pd):
    links = pd.flow.suspend()
    pd.send.email(
        subject="Please approve this important workflow",
        text="Click here to approve the workflow: {resume_url}, and cancel here: {cancel_url}".format(**links),
    )
""",
    "7 days": """
async def handler(pd):
    TIMEOUT = 1000 * 60 * 60 * 24 * 7
    pd.flow.suspend(TIMEOUT)
""",
    "retry": """
import requests
def handler(pd):
    event = pd.steps["trigger"]["event"]
    try:
        answer = requests.post(
            event["url"] + "v1/completions",
            headers={"Authorization": f"Bearer {event['api_key']}"},
            json={"model": "text-davinci-003", "prompt": "Say this is a test", "max_tokens": 7, "temperature": 0},
        )
        answer.raise_for_status()
        return answer.json()
    except Exception:
        MAX_RETRIES = 3
        DELAY = 1000 * 30

        # Retry the request every 30 seconds, for up to 3 times
        pd.flow.rerun(DELAY, None, MAX_RETRIES)
""",
    "polling": """
import requests
def handler(pd):
    MAX_RETRIES = 3
    DELAY = 1000 * 10
    run = pd.context["run"]
    if run["runs"] == 1:
        pd.flow.rerun(DELAY, None, MAX_RETRIES)
    elif run["runs"] == MAX_RETRIES + 1:
        raise Exception("Max retries exceeded")
    else:
        data = requests.get(pd.steps["trigger"]["event"]).json()
        if data["status"] == "DONE":
            return data

        pd.flow.rerun(DELAY, None, MAX_RETRIES)
""",
    "callback": """
import requests
def handler(pd):
    TIMEOUT = 86400 * 1000
    run = pd.context["run"]
    if run["runs"] == 1:
        links = pd.flow.rerun(TIMEOUT, None, 1)
        data = {"resume_url": links["resume_url"], "cancel_url": links["cancel_url"]}
        requests.post(pd.steps["trigger"]["event"], json=data)
    elif run.get("callback_request"):
        return run["callback_request"]
""",
    "max retries": """
def handler(pd):
    MAX_RETRIES = 3
    run = pd.context["run"]
    if run["runs"] == 1:
        pd.flow.rerun(1000, None, MAX_RETRIES)
    elif run["runs"] == MAX_RETRIES + 1:
        raise Exception("Max retries exceeded")
""",
}
