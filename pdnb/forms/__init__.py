"""Forms: JSON Schemas that say what a step asks a person for; their fields, and answers to them.

``schemas`` takes a form, ``fields`` shows it, ``form_post`` reads what an HTML form sends, ``validation`` says what is
wrong. Rules:

- Draft 2020-12, and only what stands in the schema itself: nothing is ever fetched, neither from a network nor a file.
- An answer is checked within a budget. What is too large, too deep or too much work is a problem in words, not a
  traceback and not a hanging server. The one thing left to the form's author is a
  ``pattern`` that backtracks without end; no text of more than 10,000 characters is matched against one.
- Every field has strings that an HTML form would hold and send, also in a browser with a script and in a notebook's
  widgets: what they mean is decided here alone, and no number becomes one of JavaScript's.
- A moment has an offset. One that is entered without it is in the zone that was picked, or in this machine's.
- A form post is strings: an empty field is an absent one (``null`` where the field is required and may be ``null``),
  an absent checkbox is ``false``, and what cannot be read stays a string, so that :func:`problems` names it.
- Pydantic is never imported: a model brings its own schema. jsonschema is imported where something is checked, because
  a worker starts without it.
"""
