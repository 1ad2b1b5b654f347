"""The console: pages for support, marketing and operators, made on the server.

Rules of this room:

- It is a door and holds no rules: what may be done is decided in `lifecycle` and `intake`, and found by `store`.
- HTML is in templates, which escape everything; there is none in Python, and no style or script within a page.
- A GET shows and changes nothing. Whatever changes something is a POST with a form of ours (`console.forms`), asked for
  on a page that says what will happen.
- Every route names the one right that it needs (`console.visitors`); an application with a route that does not is
  refused. Whoever has not the right gets 403 before anything is read.
- A page needs no script. With it, pages follow what happens, and finding shows results as one types.
"""
