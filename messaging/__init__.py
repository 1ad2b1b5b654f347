"""From a template and a customer's facts to a message: reading templates, conditions, rendering.

Jinja2 is used here and nowhere else. What templates and conditions see is `lifecycle.facts.Facts` and no more.
"""
