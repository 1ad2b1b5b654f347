"""Lists for people to look at: messages, tasks, events, members of segments, the audit log.

One module an aggregate, and `paging`, by which all of them are walked. A filter is a small frozen dataclass; what it
asks for is served by an index, or looked for within a bounded stretch of the list (`paging.LOOK`): a page costs as much
with a million rows as with a thousand. Nothing here counts a whole table.
"""
