"""HTTP: what providers, customers and other programs may ask of Milepost.

A door holds no rules: it finds out who is there, whether what they say can be read, and hands it to `intake`. Whatever
goes wrong is answered as a problem (RFC 9457), in a sentence that repeats nothing of what came in; people get a page.
No key, setting or environment is read here: everything comes in `Parts`.
"""
