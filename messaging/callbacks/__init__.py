"""What providers post to us: whether it is really theirs, and what it says in our words.

Nothing here raises because of what was posted: a signature is good or it is not, and what cannot be read says nothing.
Texts of the providers stay here, because they quote addresses (rules.md 22); codes go on.
"""
